"""Motion capture before synthetic cameras: lift, and compare with the truth.

Single frames and sequences, as seen by the cameras of ``lifting.benchmarks.synthetic``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from detectors.people import PersonTrack2D
from lifting.benchmarks.statistics import Estimate, bootstrap_mean
from lifting.benchmarks.synthetic import SyntheticView
from lifting.kinematics.angles import ANGLES, joint_angles
from lifting.lifter import Lifter
from lifting.metrics import acceleration_error, centred, coverage, mpjpe, pa_mpjpe

__all__ = ["Outcome", "joint_errors", "lift_alone", "lift_frames", "lift_sequences", "scores"]

_UPRIGHT = np.array([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Outcome:
    """Poses that were lifted, beside the truth.

    Attributes:
        name: what was lifted, in words.
        noise_px: standard deviation of the noise on each coordinate of the 2D.
        units: names of what is resampled together: a sequence, or a single frame.
        predicted, truth: one ``[T, 17, 3]`` per unit, metres, camera frame.
        sigma_m: one ``[T, 17]`` per unit, or None where lifting gave none.
        seconds: that lifting all of them took, None if they came along with another outcome.
    """

    name: str
    noise_px: float
    units: tuple[str, ...]
    predicted: list[NDArray[np.float64]]
    truth: list[NDArray[np.float64]]
    sigma_m: list[NDArray[np.float64]] | None
    seconds: float | None

    @property
    def poses(self) -> int:
        """Number of poses."""
        return sum(map(len, self.truth))


def lift_frames(lifter: Lifter, view: SyntheticView) -> Outcome:
    """Frames that have nothing to do with each other."""
    rays = view.camera.rays(view.keypoints_px)
    began = time.perf_counter()
    joints = lifter.lift_rows(rays, np.ones(rays.shape[:2]), None)
    seconds = time.perf_counter() - began
    units = tuple(map(str, range(len(joints))))
    return Outcome(
        "single frames", view.noise_px, units, list(joints[:, None]), list(view.joints_m[:, None]), None, seconds
    )


def lift_alone(lifter: Lifter, views: Sequence[SyntheticView]) -> Outcome:
    """The frames of sequences, each lifted as if there were no other: what time has to improve on."""
    rays = np.concatenate([view.camera.rays(view.keypoints_px) for view in views])
    began = time.perf_counter()
    joints = lifter.lift_rows(rays, np.ones(rays.shape[:2]), None)
    seconds = time.perf_counter() - began
    ends = np.cumsum([len(view.joints_m) for view in views])[:-1]
    return _of_sequences("sequences, every frame alone", views, np.split(joints, ends), None, seconds)


def lift_sequences(lifter: Lifter, views: Sequence[SyntheticView]) -> tuple[Outcome, Outcome]:
    """Sequences as tracks of a video, every joint seen with confidence 1.

    Returns:
        The joints before and after the smoothing that follows lifting; the latter are what a run hands on.
    """
    tracks = [_track(number, view) for number, view in enumerate(views, start=1)]
    began = time.perf_counter()
    lifted = lifter.lift(tracks, views[0].camera).tracks
    seconds = time.perf_counter() - began
    sigma = [track.sigma_m for track in lifted]
    before = [track.raw_joints_m for track in lifted]
    after = [track.joints_m for track in lifted]
    return (
        _of_sequences("sequences, before smoothing", views, before, None, seconds),
        _of_sequences("sequences", views, after, sigma, None),
    )


def _of_sequences(
    name: str,
    views: Sequence[SyntheticView],
    joints: list[NDArray[np.float64]],
    sigma_m: list[NDArray[np.float64]] | None,
    seconds: float | None,
) -> Outcome:
    names = tuple(view.name for view in views)
    return Outcome(name, views[0].noise_px, names, joints, [view.joints_m for view in views], sigma_m, seconds)


def _track(number: int, view: SyntheticView) -> PersonTrack2D:
    frames = len(view.joints_m)
    return PersonTrack2D(
        track_id=number,
        frame_index=np.arange(frames, dtype=np.int64),
        time_s=view.time_s,
        keypoints_px=view.keypoints_px.astype(np.float32),
        confidence=np.ones((frames, len(H36M_17)), np.float32),
        layout=H36M_17.name,
    )


def scores(outcome: Outcome, rng: np.random.Generator) -> dict[str, Estimate]:
    """The measures of an outcome, with confidence intervals over its units.

    ``mpjpe_mm`` (pelvis on pelvis) and ``pa_mpjpe_mm``; for sequences ``acceleration_error_mm``, of root-relative
    joints in millimetres per frame squared; with uncertainty its calibration, see ``lifting.metrics.coverage``, and
    that of joint angles: the shares within one and two standard deviations, of angles between parts of the body.
    """
    pairs = list(zip(outcome.predicted, outcome.truth, strict=True))
    values = {
        "mpjpe_mm": [mpjpe(p, t) * 1000 for p, t in pairs],
        "pa_mpjpe_mm": [pa_mpjpe(p, t) * 1000 for p, t in pairs],
    }
    if any(len(truth) > 2 for truth in outcome.truth):
        values["acceleration_error_mm"] = [acceleration_error(centred(p), centred(t)) * 1000 for p, t in pairs]
    if outcome.sigma_m is not None:
        shares = [coverage(p, t, sigma) for (p, t), sigma in zip(pairs, outcome.sigma_m, strict=True)]
        values |= {name: [share[name] for share in shares] for name in shares[0]}
        told = [_angle_shares(p, t, sigma) for (p, t), sigma in zip(pairs, outcome.sigma_m, strict=True)]
        values |= {name: [np.array([share[name]]) for share in told] for name in told[0]}
    return {name: bootstrap_mean(units, rng) for name, units in values.items()}


def _angle_shares(
    predicted: NDArray[np.float64], truth: NDArray[np.float64], sigma_m: NDArray[np.float64]
) -> dict[str, float]:
    """Shares of all angles of a clip ``[T, 17, 3]`` in camera axes that are as near to the truth as they say."""
    feet = np.ones((len(truth), 2))
    rays = predicted[:, 0] * _UPRIGHT
    found = joint_angles(predicted * _UPRIGHT, sigma_m, rays, feet)
    true = joint_angles(truth * _UPRIGHT, sigma_m, rays, feet)
    error = np.abs((found.degrees - true.degrees + 180) % 360 - 180)
    # The vertical of the camera is none.
    error[:, [angle.name.startswith(("pelvis", "trunk_flexion", "trunk_bending")) for angle in ANGLES]] = np.nan
    error[:, [angle.name.endswith("dorsiflexion") for angle in ANGLES]] = np.nan
    both = np.isfinite(error)
    return {
        f"angle_coverage_{times}_sigma": float((error <= times * found.sigma)[both].mean() if both.any() else 0.0)
        for times in (1, 2)
    }


def joint_errors(outcome: Outcome) -> list[dict[str, float | str]]:
    """Per joint beside the pelvis: root mean square of the root-relative error of a coordinate, and what sigma says."""
    error = np.concatenate([centred(p) - centred(t) for p, t in zip(outcome.predicted, outcome.truth, strict=True)])
    rows: list[dict[str, float | str]] = []
    for index, joint in enumerate(H36M_17.joints[1:], start=1):
        row: dict[str, float | str] = {
            "joint": joint,
            "rms_error_mm": float(np.sqrt((error[:, index] ** 2).mean()) * 1000),
        }
        if outcome.sigma_m is not None:
            sigma = np.concatenate(outcome.sigma_m)[:, index]
            row["sigma_mm"] = float(np.sqrt((sigma**2).mean()) * 1000)
            row["coverage_1_sigma"] = float((np.abs(error[:, index]) <= sigma[:, None]).mean())
        rows.append(row)
    return rows
