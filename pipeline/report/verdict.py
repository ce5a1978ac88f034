"""What of a person's motion to trust, and why not, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from detectors.layouts import H36M_17
from lifting.body.joints import ANKLES, ELBOWS, HIPS, KNEES, SHOULDERS, WRISTS
from pipeline.results.kinematics import PersonMotion
from pipeline.results.result import Result
from pipeline.results.standing import stand, standing

__all__ = ["Remark", "judge"]

Level = Literal["poor", "care", "good"]
_ORDER = ("poor", "care", "good")

#: Shares of the frames from which something is said, and from which it is grave.
_SOME, _MOST = 0.2, 0.5
#: A limb closer than this to the ray of the camera points at it, as a cosine: 30 degrees.
_TOWARDS = float(np.cos(np.radians(30.0)))
#: Hands and feet that are faster relative to the pelvis are blurred and cut off by smoothing, metres a second.
_FAST_M_S = 4.0
_DOUBTED, _SHORT_S = 0.4, 1.0
_LIMBS = {
    "thigh": (HIPS, KNEES),
    "shank": (KNEES, ANKLES),
    "upper arm": (SHOULDERS, ELBOWS),
    "forearm": (ELBOWS, WRISTS),
}
_PARTS = {"legs": KNEES + ANKLES, "arms": ELBOWS + WRISTS}


@dataclass(frozen=True)
class Remark:
    """One reason: how much it matters, what it is called, and a sentence."""

    level: Level
    name: str
    text: str


def judge(motion: PersonMotion, result: Result) -> list[Remark]:
    """Everything that limits what can be read from a person's motion, gravest first; at least one remark."""
    found = [*_camera(result), *_world(motion, result), *_body(motion), *_view(motion), *_time(motion)]
    if not any(remark.level != "good" for remark in found):
        found.append(Remark("good", "sound", "nothing speaks against these numbers; see the standard deviations"))
    return sorted(found, key=lambda remark: _ORDER.index(remark.level))


def _camera(result: Result) -> Iterator[Remark]:
    if result.camera.source.startswith("assumed"):
        yield Remark(
            "care", "camera assumed",
            "the focal length is assumed: distances, speeds and heights may be off by a fifth and more, angles hardly; "
            "--focal-px, --fov or --camera tell it",
        )  # fmt: skip
    settings = result.metadata.get("settings")
    if isinstance(settings, dict) and settings.get("person_height", settings.get("person_height_m")) is None:
        yield Remark(
            "care", "size assumed",
            "nobody said how tall the person is: lengths are those of a body of average size; --person-height tells it",
        )  # fmt: skip


def _world(motion: PersonMotion, result: Result) -> Iterator[Remark]:
    if not standing(result).in_world:
        yield Remark(
            "poor", "no world",
            "how the camera moved is not known, so there is no world: path, speed and heights are those seen from the "
            "camera, and lean is only roughly upright",
        )  # fmt: skip
        return
    world = stand(result).world
    assert world is not None
    shots = sorted(set(world.shot[world.rows(motion.track.frame_index[motion.track.seen])].tolist()))
    if any(world.shots[shot].floor == "assumed" for shot in shots):
        yield Remark("care", "floor assumed", "no foot was seen to rest, so the height of the floor is assumed")
    if len(shots) > 1:
        yield Remark("care", "several shots", f"the person is in {len(shots)} shots, and each has a world of its own")


def _body(motion: PersonMotion) -> Iterator[Remark]:
    track = motion.track
    seen = track.seen
    for part, joints in _PARTS.items():
        share = float(track.imputed[seen][:, joints].mean())
        if share >= _SOME:
            yield Remark(
                "poor" if share >= _MOST else "care", "half body",
                f"the {part} were not seen for {share:.0%} of the time; what stands there for them is a guess",
            )  # fmt: skip
    sure = float(track.confidence[seen].mean())
    if sure < _DOUBTED:
        yield Remark("poor", "doubtful keypoints", f"the detector was not sure of what it saw: {sure:.2f} on average")


def _view(motion: PersonMotion) -> Iterator[Remark]:
    seen = motion.track.seen
    joints = motion.track.joints_m[seen]
    for limb, (inner, outer) in _LIMBS.items():
        for number, side in enumerate(("right", "left")):
            a, b = joints[:, inner[number]], joints[:, outer[number]]
            along = (b - a) / np.maximum(np.linalg.norm(b - a, axis=1, keepdims=True), 1e-9)
            ray = (a + b) / np.maximum(np.linalg.norm(a + b, axis=1, keepdims=True), 1e-9)
            share = float((np.abs((along * ray).sum(axis=1)) > _TOWARDS).mean())
            if share >= _SOME:
                yield Remark(
                    "poor" if share >= _MOST else "care", "limb towards the camera",
                    f"the {side} {limb} points at the camera or away from it for {share:.0%} of the time; its angles "
                    "are the least certain",
                )  # fmt: skip


def _time(motion: PersonMotion) -> Iterator[Remark]:
    track = motion.track
    length = float(track.time_s[-1] - track.time_s[0])
    if length < _SHORT_S:
        yield Remark("care", "short", f"{length:.1f} s are little: neither up nor the proportions are well known")
    missing = 1 - float(track.seen.mean())
    if missing >= _SOME:
        yield Remark("care", "gaps", f"the person was out of sight for {missing:.0%} of the time")
    relative = motion.joints_m - motion.joints_m[:, :1]
    step = np.diff(track.time_s)
    moved = np.linalg.norm(np.diff(relative, axis=0), axis=-1)[step > 0] / step[step > 0, None]
    speeds = moved[np.isfinite(moved).all(axis=1)]
    if len(speeds):
        fast = {joint: float(np.percentile(speeds[:, joint], 95)) for joint in WRISTS + ANKLES}
        joint, speed = max(fast.items(), key=lambda item: item[1])
        if speed > _FAST_M_S:
            name = H36M_17.joints[joint].replace("_", " ")
            yield Remark(
                "care", "fast motion",
                f"the {name} reaches {speed:.0f} m/s: pictures blur, and smoothing takes the peaks away (--smooth off "
                "leaves them)",
            )  # fmt: skip
