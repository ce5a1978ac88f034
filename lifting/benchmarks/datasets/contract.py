"""What a data set hands on, and the checks that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assets.untrusted import UntrustedFileError
from detectors.layouts import H36M_17
from lifting.evidence import known_rays

__all__ = [
    "ADULT_JOINTS",
    "Dataset",
    "Evidence",
    "Keypoints",
    "PoseSet",
    "finite",
    "in_metres",
    "intrinsics",
    "named",
    "require",
]

#: Joints that are averaged over, by their number: all, or the 14 of 3DPW, which drop pelvis, spine and nose.
ADULT_JOINTS: Mapping[int, tuple[str, ...]] = {
    17: H36M_17.joints,
    14: tuple(name for name in H36M_17.joints if name not in ("pelvis", "spine", "nose")),
}

#: Where the 2D comes from, as it is asked for; what "gt" means differs between data sets, see ``Evidence``.
Keypoints = Literal["gt", "detected"]

#: Where the 2D really comes from: the truth projected by us, the data set's own 2D, or a detector.
Evidence = Literal["projected truth", "annotated", "detected"]

# Greatest extent of a median pose along any axis, metres: all people crouch, or all stretch their arms.
_ADULT_M, _INFANT_M = (0.5, 4.0), (0.12, 1.3)


@dataclass(frozen=True)
class PoseSet:
    """N poses with known answers.

    Attributes:
        joints: names of the J joints, those of ``H36M_17`` or of ``LIMBS_12``.
        keypoints_px: ``[N, J, 2]`` float64; anything where the confidence is 0.
        confidence: ``[N, J]`` float64 in 0..1, 0 where a joint was not seen.
        K: ``[N, 3, 3]`` float64 px, without skew.
        truth_m: ``[N, J, 3]`` float64 metres, camera axes (x right, y down, z forward).
        absolute: the truth has its place before the camera; otherwise only relative to the root.
        group: ``[N]`` what group-wise means are taken over, such as the action.
        sequence: ``[N]`` frames of one sequence depend on each other and are drawn together for intervals.
        frame: ``[N]`` int64 numbers within the sequence of one person, or None where they are not known.
        evidence: where the 2D comes from.
        camera: where K comes from, in words.
        frames_in_file: number of usable frames that the stride chose from.
    """

    joints: tuple[str, ...]
    keypoints_px: NDArray[np.float64]
    confidence: NDArray[np.float64]
    K: NDArray[np.float64]
    truth_m: NDArray[np.float64]
    absolute: bool
    group: tuple[str, ...]
    sequence: tuple[str, ...]
    frame: NDArray[np.int64] | None
    evidence: Evidence
    camera: str
    frames_in_file: int

    def __len__(self) -> int:
        return len(self.truth_m)

    @property
    def root(self) -> int | tuple[int, ...]:
        """The joint, or the joints whose middle, poses are compared at: the pelvis, else the hips."""
        if "pelvis" in self.joints:
            return self.joints.index("pelvis")
        return tuple(self.joints.index(name) for name in ("right_hip", "left_hip"))

    def rays(self) -> NDArray[np.float64]:
        """``[N, J, 3]`` directions with z = 1; joints that were not seen have the mean of those that were."""
        xy = (self.keypoints_px - self.K[:, None, :2, 2]) / self.K[:, [0, 1], [0, 1]][:, None]
        return known_rays(np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1), self.confidence)

    def only(self, joints: tuple[str, ...]) -> PoseSet:
        """The same poses with some of their joints."""
        index = [self.joints.index(name) for name in joints]
        return replace(
            self,
            joints=joints,
            keypoints_px=self.keypoints_px[:, index],
            confidence=self.confidence[:, index],
            truth_m=self.truth_m[:, index],
        )

    def projected_error_px(self) -> float | None:
        """Median distance between the 2D and the projected truth; None if the truth has no place."""
        if not self.absolute or not (self.truth_m[..., 2] > 0).all():
            return None
        focal, centre = self.K[:, [0, 1], [0, 1]][:, None], self.K[:, None, :2, 2]
        pixels = self.truth_m[..., :2] / self.truth_m[..., 2:] * focal + centre
        return float(np.median(np.linalg.norm(pixels - self.keypoints_px, axis=-1)[self.confidence > 0]))


@dataclass(frozen=True)
class Dataset:
    """A data set in the files that people have.

    Attributes:
        name: in results and configurations, ``configs/<name>.toml``.
        title: for people.
        files: what ``--data`` must hold, in words.
        load: (folder, keypoints, stride) -> every ``stride``-th usable frame; raises UntrustedFileError.
        keypoints: which 2D it has.
        judged: number of joints -> the names that are averaged over; the first entry is the default.
        group: what ``PoseSet.group`` is, in a word.
        group_wise: the headline is the mean over groups.
    """

    name: str
    title: str
    files: str
    load: Callable[[Path, Keypoints, int], PoseSet]
    keypoints: tuple[Keypoints, ...]
    judged: Mapping[int, tuple[str, ...]]
    group: str
    group_wise: bool


def require(path: Path, *, folder_of: str) -> Path:
    """The path itself. Raises UntrustedFileError if there is no such file."""
    if not path.is_file():
        raise UntrustedFileError(f"there is no {path}; --data must be the folder with {folder_of}")
    return path


def named(record: Any, name: str, where: str) -> Any:
    """A field of a dict. Raises UntrustedFileError if it is missing."""
    if not isinstance(record, dict):
        raise UntrustedFileError(f"{where} must be a dict with the field {name}, not a {type(record).__name__}")
    if name not in record:
        raise UntrustedFileError(
            f"{where} has no field {name}; it has {', '.join(map(str, list(record)[:12])) or 'none'}"
        )
    return record[name]


def finite(values: Any, where: str, shape: Sequence[int | None], *, columns: int | None = None) -> NDArray[np.float64]:
    """Numbers of a known shape as float64.

    Args:
        values: an array, or what numpy makes one of.
        where: file and field, the beginning of the sentence if they are not as expected.
        shape: expected; None is any length.
        columns: of the last axis, of which there may be more; only these are kept.

    Raises:
        UntrustedFileError: another shape, no numbers, or some are not finite.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise UntrustedFileError(f"{where} must be numbers of the shape {_shape(shape)}") from error
    expected = list(shape)
    if columns is not None and array.ndim and array.shape[-1] >= columns:
        array = array[..., :columns]
    same = array.ndim == len(expected) and all(e in (None, s) for s, e in zip(array.shape, expected, strict=True))
    if not same:
        raise UntrustedFileError(f"{where} must have the shape {_shape(shape)}, not {list(np.shape(values))}")
    if not np.isfinite(array).all():
        raise UntrustedFileError(f"{where} holds {'NaN' if np.isnan(array).any() else 'infinite'} values")
    return array


def in_metres(
    truth: NDArray[np.float64], where: str, unit: Literal["m", "mm"], *, infants: bool = False
) -> NDArray[np.float64]:
    """Poses ``[N, J, 3]`` in metres. Raises UntrustedFileError if they are not in the unit that the format has."""
    factor = 0.001 if unit == "mm" else 1.0
    extent = float(np.median(np.ptp(truth, axis=1).max(axis=-1)))
    low, high = _INFANT_M if infants else _ADULT_M
    if low <= extent * factor <= high:
        return truth * factor
    units = {"m": 1.0, "cm": 0.01, "mm": 0.001}
    found = next((name for name, size in units.items() if name != unit and low <= extent * size <= high), None)
    if found:
        raise UntrustedFileError(
            f"{where} is in {_unit(found)}, not in {_unit(unit)} as this format has it; convert it"
        )
    raise UntrustedFileError(
        f"{where} holds poses {extent:.3g} {unit} large, which is no person in any unit; is it the right field?"
    )


def intrinsics(numbers: NDArray[np.float64], where: str) -> NDArray[np.float64]:
    """``[N, 3, 3]`` of fx, fy, cx, cy ``[4, N]``. Raises UntrustedFileError if they are no cameras in pixels."""
    fx, fy, cx, cy = numbers
    if not (np.isfinite(numbers).all() and (np.minimum(fx, fy) > 20).all()):
        raise UntrustedFileError(f"{where} is no camera: focal lengths and centre must be finite and in pixels")
    K = np.zeros((len(fx), 3, 3))
    K[:, 0, 0], K[:, 1, 1], K[:, 0, 2], K[:, 1, 2], K[:, 2, 2] = fx, fy, cx, cy, 1.0
    return K


def _shape(shape: Sequence[int | None]) -> str:
    return "[" + ", ".join("N" if size is None else str(size) for size in shape) + "]"


def _unit(unit: str) -> str:
    return {"m": "metres", "cm": "centimetres", "mm": "millimetres"}[unit]
