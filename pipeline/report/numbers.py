"""The numbers of a report: of each person presence, confidence, bones, angles, path, jumps and jitter."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.benchmarks.world_measures import at_rate, jitter
from lifting.body.skeleton import bone_lengths, stature
from lifting.kinematics.angles import ANGLES
from pipeline.report.verdict import Remark, judge
from pipeline.results.kinematics import PersonMotion, motions
from pipeline.results.result import Result
from pipeline.results.schema import jsonable
from pipeline.results.standing import gaps, standing

__all__ = ["PersonReport", "Range", "Report", "report_of"]

Array = NDArray[np.float64]

#: Single bad frames are no range: shares of the frames below and above.
_LOW, _HIGH = 5, 95
_BONES = tuple(
    "_to_".join(name.removeprefix("right_").removeprefix("left_") for name in bone) for bone in H36M_17.bones
)


@dataclass(frozen=True)
class Range:
    """Where an angle goes, degrees: 5th and 95th percentile, median standard deviation; share of frames with it."""

    low: float
    high: float
    sigma: float
    told: float


@dataclass(frozen=True)
class PersonReport:
    """One person.

    Attributes:
        id: as in the result.
        first_s, last_s: seconds.
        seen: share of the frames in between in which the person was lifted.
        gaps_s: first and last second of each gap.
        confidence: mean, of the 2D.
        imputed: share of the joints that only the prior placed.
        stature_m: standing height from bones.
        bones_m: median length of each, the mean of both sides.
        angles: ``Range`` by name; those that no frame tells are left out.
        speed_m_s: mean and 95th percentile of that of the pelvis over the floor.
        path_m: length of the way of the pelvis over the floor.
        jumps: time of take-off in seconds, time in the air, rise of the pelvis in metres.
        jitter: third differences at 30 frames a second in 10 m/s³, as ``evaluate video``; None if there are too few.
        remarks: what to trust and why not, gravest first.
    """

    id: int
    first_s: float
    last_s: float
    seen: float
    gaps_s: list[tuple[float, float]]
    confidence: float
    imputed: float
    stature_m: float
    bones_m: dict[str, float]
    angles: dict[str, Range]
    speed_m_s: tuple[float, float]
    path_m: float
    jumps: list[dict[str, float]]
    jitter: float | None
    remarks: list[Remark]


@dataclass(frozen=True)
class Report:
    """A result in numbers.

    Attributes:
        axes: which axes positions are in, one sentence.
        camera: where the focal length came from.
        people: in the order of their ids.
    """

    axes: str
    camera: str
    people: list[PersonReport]

    def record(self) -> dict[str, Any]:
        """As JSON values."""
        plain: dict[str, Any] = jsonable(asdict(self))
        return plain


def report_of(result: Result) -> Report:
    """The report of everybody in a result."""
    stood = standing(result)
    people = [_person(motion, judge(motion, result)) for motion in motions(result)]
    return Report(stood.sentence, result.camera.source, people)


def _person(motion: PersonMotion, remarks: list[Remark]) -> PersonReport:
    track, seen = motion.track, motion.track.seen
    joints = motion.joints_m[seen]
    lengths = np.median(bone_lengths(joints), axis=0)
    steps = np.diff(motion.path.root_m[:, [0, 2]], axis=0)
    speed = motion.path.speed_m_s[np.isfinite(motion.path.speed_m_s)]
    return PersonReport(
        id=track.track_id,
        first_s=float(track.time_s[0]),
        last_s=float(track.time_s[-1]),
        seen=float(seen.mean()),
        gaps_s=gaps(track),
        confidence=float(track.confidence[seen].mean()),
        imputed=float(track.imputed[seen].mean()),
        stature_m=float(np.median(stature(joints))),
        bones_m={
            bone: float(np.mean([x for name, x in zip(_BONES, lengths, strict=True) if name == bone]))
            for bone in _BONES
        },
        angles=_ranges(motion),
        speed_m_s=(float(speed.mean()), float(np.percentile(speed, _HIGH))) if len(speed) else (0.0, 0.0),
        path_m=float(np.nansum(np.linalg.norm(steps, axis=1))),
        jumps=[
            {
                "time_s": float(track.time_s[jump.first]),
                "air_s": float(track.time_s[jump.last] - track.time_s[jump.first]),
                "rise_m": jump.height_m,
            }
            for jump in motion.jumps
        ],
        jitter=_jitter(joints, track.time_s[seen]),
        remarks=remarks,
    )


def _ranges(motion: PersonMotion) -> dict[str, Range]:
    found = {}
    for number, angle in enumerate(ANGLES):
        told = np.isfinite(motion.angles.degrees[:, number])
        if told.any():
            # Somebody who turns round is not at 180 and at -180 degrees.
            degrees = np.degrees(np.unwrap(np.radians(motion.angles.degrees[told, number])))
            low, high = np.percentile(degrees, [_LOW, _HIGH])
            spread = float(np.median(motion.angles.sigma[told, number]))
            found[angle.name] = Range(float(low), float(high), spread, float(told.sum() / motion.track.seen.sum()))
    return found


def _jitter(joints: Array, time_s: Array) -> float | None:
    if len(time_s) < 2 or (np.diff(time_s) <= 0).any():
        return None
    shakes = np.concatenate([jitter(piece) for piece in at_rate(time_s, joints)[0]] or [np.zeros(0)])
    return float(shakes.mean()) if len(shakes) else None
