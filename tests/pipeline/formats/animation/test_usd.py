"""USD files: joints and figure as UsdSkel itself computes them."""

from __future__ import annotations

import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from detectors.layouts import H36M_17
from lifting.skeleton.names import SKELETONS
from pipeline.errors import OutputError
from pipeline.results.exporters import ExportOptions, check_outputs, save
from pipeline.results.result import Result
from tests.lifting.skeleton.dancer import dance, joints_of
from tests.pipeline.formats.animation.test_bvh import person, result
from tests.pipeline.results.test_result import CAMERA

pxr = pytest.importorskip("pxr")
from pxr import Usd, UsdGeom, UsdSkel  # noqa: E402

TIMES = np.cumsum(np.random.default_rng(3).choice([1, 2], 40)) / 60


@pytest.mark.parametrize("name", ["a.usda", "a.usdc"])
@pytest.mark.parametrize("skeleton", SKELETONS)
def test_joints_and_figure(tmp_path: Path, name: str, skeleton: str) -> None:
    save(tmp_path / name, result(person(TIMES), person(TIMES, track_id=3)), ExportOptions(skeleton))  # type: ignore[arg-type]
    stage = Usd.Stage.Open(str(tmp_path / name))
    assert UsdGeom.GetStageUpAxis(stage) == "Y" and UsdGeom.GetStageMetersPerUnit(stage) == 1
    rate = stage.GetTimeCodesPerSecond()
    assert rate in (pytest.approx(60, abs=0.01), pytest.approx(30, abs=0.01))
    cache = UsdSkel.Cache()
    root = UsdSkel.Root(stage.GetPrimAtPath("/People/person_1"))
    cache.Populate(root, Usd.PrimDefaultPredicate)
    query = cache.GetSkelQuery(UsdSkel.Skeleton(stage.GetPrimAtPath("/People/person_1/skeleton")))
    assert query.HasBindPose() and query.HasRestPose()
    names = [str(path).rpartition("/")[2] for path in query.GetJointOrder()]
    truth, profile = joints_of(dance(TIMES)), SKELETONS[skeleton]
    for row in (0, 17, 39):
        code = (TIMES[row] - TIMES[0]) * rate
        places = np.array(query.ComputeJointSkelTransforms(Usd.TimeCode(code)))[:, 3, :3]
        for joint in ("pelvis", "left_knee", "right_ankle", "left_wrist", "left_elbow"):
            found = places[names.index(profile.name(joint).replace(":", "_"))]
            assert np.linalg.norm(found - truth[row, H36M_17.index(joint)]) < 0.001, joint
    (binding,) = cache.ComputeSkelBindings(root, Usd.PrimDefaultPredicate)
    moved = []
    for target in binding.GetSkinningTargets():
        points = UsdGeom.Mesh(target.GetPrim()).GetPointsAttr().Get()
        transforms = query.ComputeSkinningTransforms(Usd.TimeCode((TIMES[17] - TIMES[0]) * rate))
        assert target.ComputeSkinnedPoints(transforms, points)
        moved.append(np.array(points))
    everywhere = np.concatenate(moved)
    for joint in truth[17]:
        assert np.linalg.norm(everywhere - joint, axis=1).min() < 0.2
    rest = np.concatenate(
        [np.array(UsdGeom.Mesh(t.GetPrim()).GetPointsAttr().Get()) for t in binding.GetSkinningTargets()]
    )
    assert rest[:, 1].min() == pytest.approx(0, abs=1e-4) and 1.4 < rest[:, 1].max() < 2.0


def test_axes_gaps_and_nobody(tmp_path: Path) -> None:
    save(tmp_path / "a.usda", result(person(np.arange(9) / 30, gap=slice(3, 5))))
    stage = Usd.Stage.Open(str(tmp_path / "a.usda"))
    assert stage.GetDefaultPrim().GetCustomData()["axes"].startswith("world axes")
    assert stage.GetPrimAtPath("/People/person_1").GetCustomData()["gaps_s"] == "0.100 to 0.133"
    save(tmp_path / "none.usda", Result((), CAMERA, {}))
    assert not Usd.Stage.Open(str(tmp_path / "none.usda")).GetDefaultPrim().GetChildren()


def test_without_the_extra_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    with (
        patch("pipeline.formats.animation.usd.find_spec", return_value=None),
        pytest.raises(OutputError, match=r"pip install 'zedo-video\[usd\]'"),
    ):
        check_outputs([tmp_path / "a.usda"], tmp_path / "in.mp4", overwrite=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.usda", "a.usdc"])
def test_two_thousand_frames_a_second(tmp_path: Path, name: str) -> None:
    people = result(person(np.arange(6000) / 30), frames=6000)
    began = time.process_time()
    save(tmp_path / name, people, ExportOptions("lafan1"))
    assert 6000 / (time.process_time() - began) > 2000
