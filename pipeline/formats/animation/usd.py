"""USD: everybody on a stage, each a skeleton of UsdSkel with a skinned figure. With the extra ``usd``."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifting.skeleton.frames import as_quaternions, continuous
from lifting.skeleton.rig import Rig
from pipeline.errors import OutputError
from pipeline.formats.animation.figure import Part, figure
from pipeline.formats.animation.skeletons import Mover, in_axes, movers, offsets_in_axes
from pipeline.results.exporters import Exporter
from pipeline.results.result import Result
from visualize.palette import SIDE_COLOURS

__all__ = ["UsdExporter"]

Array = NDArray[np.float64]


class UsdExporter(Exporter):
    """Metres, y up; time codes are frames at the median rate, from the first frame of the video on.

    Every frame is a sample at its own time. The custom data of the stage's root say which axes these are, those of each
    person its id and gaps.
    """

    def check(self) -> None:
        """See ``Exporter``."""
        if find_spec("pxr") is None:
            raise OutputError("USD files need usd-core; install it with: pip install 'zedo-video[usd]'")

    def write(self, path: Path, result: Result) -> None:
        """See ``Exporter``."""
        from pxr import Usd, UsdGeom

        people, sentence, in_world = movers(result, self.options.skeleton)
        stage = Usd.Stage.CreateInMemory()
        UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
        UsdGeom.SetStageMetersPerUnit(stage, 1.0)
        steps = [float(np.median(np.diff(person.motion.time_s))) for person in people if len(person.motion.time_s) > 1]
        rate = round(1 / max(min(steps), 1e-3), 3) if steps else 30.0
        stage.SetTimeCodesPerSecond(rate)
        stage.SetFramesPerSecond(rate)
        root = UsdGeom.Xform.Define(stage, "/People").GetPrim()
        root.SetCustomData({"axes": sentence, "in_world": in_world})
        stage.SetDefaultPrim(root)
        last = 0.0
        for person in people:
            last = max(last, _add(stage, person, rate))
        stage.SetStartTimeCode(0)
        stage.SetEndTimeCode(last)
        # What is in memory has no file yet; the extension decides between text and binary.
        if not stage.GetRootLayer().Export(str(path)):
            raise OutputError("the USD file could not be written; see whether the disk is full")


def _add(stage: Any, person: Mover, rate: float) -> float:
    """A person on the stage; gives the last time code."""
    from pxr import UsdSkel, Vt

    motion, axes = person.motion, person.axes()
    rig = motion.rig
    parts = figure(rig)
    standing = np.array([0.0, -min(part.vertices[:, 1].min() for part in parts), 0.0])
    where = f"/People/person_{person.track_id}"
    top = UsdSkel.Root.Define(stage, where)
    gaps = ", ".join(f"{first:.3f} to {last:.3f}" for first, last in person.gaps)
    top.GetPrim().SetCustomData({"track_id": person.track_id, "gaps_s": gaps})
    joints = Vt.TokenArray(_paths(person, rig))
    skeleton = UsdSkel.Skeleton.Define(stage, f"{where}/skeleton")
    skeleton.CreateJointsAttr(joints)
    bound = _matrices(axes, rig.positions() + standing)
    skeleton.CreateBindTransformsAttr(Vt.Matrix4dArray.FromNumpy(bound))
    offsets = offsets_in_axes(rig, axes)
    offsets[0] = standing
    rest = np.stack(
        [axes[max(parent, 0)].T @ own if parent >= 0 else own for own, parent in zip(axes, rig.parents, strict=True)]
    )
    skeleton.CreateRestTransformsAttr(Vt.Matrix4dArray.FromNumpy(_matrices(rest, offsets)))
    last = _animate(stage, f"{where}/motion", joints, person, (axes, offsets), rate)
    binding = UsdSkel.BindingAPI.Apply(skeleton.GetPrim())
    binding.CreateAnimationSourceRel().SetTargets([f"{where}/motion"])
    for part in parts:
        _mesh(stage, f"{where}/{part.side}", part, standing, f"{where}/skeleton")
    # How far the figure goes, so that viewers need not find out.
    reach = np.array([motion.root_m.min(axis=0) - 1.5, motion.root_m.max(axis=0) + 1.5])
    top.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(reach.astype(np.float32)))
    return last


def _animate(stage: Any, where: str, joints: Any, person: Mover, rest: tuple[Array, Array], rate: float) -> float:
    from pxr import UsdSkel, Vt

    motion, (axes, offsets) = person.motion, rest
    animation = UsdSkel.Animation.Define(stage, where)
    animation.CreateJointsAttr(joints)
    animation.CreateScalesAttr(Vt.Vec3hArray.FromNumpy(np.ones((len(offsets), 3), np.float16)))
    turns, places = animation.CreateRotationsAttr(), animation.CreateTranslationsAttr()
    # Quaternions are stored with the real part last.
    quaternions = continuous(as_quaternions(in_axes(motion, axes)))[..., [1, 2, 3, 0]].astype(np.float32)
    codes = (motion.time_s - person.start_s) * rate
    offsets = offsets.astype(np.float32)
    for code, root, row in zip(codes.tolist(), motion.root_m, quaternions, strict=True):
        offsets[0] = root
        places.Set(Vt.Vec3fArray.FromNumpy(offsets), round(code, 4))
        turns.Set(Vt.QuatfArray.FromNumpy(row), round(code, 4))
    return float(codes[-1])


def _mesh(stage: Any, where: str, part: Part, standing: Array, skeleton: str) -> None:
    from pxr import Gf, UsdGeom, UsdSkel, Vt

    mesh = UsdGeom.Mesh.Define(stage, where)
    points = (part.vertices + standing).astype(np.float32)
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(points))
    mesh.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(np.stack([points.min(axis=0), points.max(axis=0)])))
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(part.triangles), 3, np.int32)))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(part.triangles.astype(np.int32).ravel()))
    mesh.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(part.normals.astype(np.float32)))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    # Of sRGB, where the palette is, to linear.
    colour = (np.array(SIDE_COLOURS[part.side]) / 255) ** 2.2
    mesh.CreateDisplayColorAttr([Gf.Vec3f(*colour.tolist())])
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateSkeletonRel().SetTargets([skeleton])
    binding.CreateJointIndicesPrimvar(False, 1).Set(Vt.IntArray.FromNumpy(part.joints.astype(np.int32)))
    binding.CreateJointWeightsPrimvar(False, 1).Set(Vt.FloatArray.FromNumpy(np.ones(len(part.joints), np.float32)))
    binding.CreateGeomBindTransformAttr(Gf.Matrix4d(1.0))


def _paths(person: Mover, rig: Rig) -> list[str]:
    """Each joint with all above it, as UsdSkel wants; USD knows no colons in names."""
    paths: list[str] = []
    for joint, parent in zip(rig.joints, rig.parents, strict=True):
        name = re.sub(r"\W", "_", person.profile.name(joint))
        paths.append(f"{paths[parent]}/{name}" if parent >= 0 else name)
    return paths


def _matrices(turns: Array, places: Array) -> Array:
    """``[J, 4, 4]`` for points that are rows, as USD has them."""
    matrices = np.tile(np.eye(4), (len(turns), 1, 1))
    matrices[:, :3, :3] = turns.transpose(0, 2, 1)
    matrices[:, 3, :3] = places
    return matrices
