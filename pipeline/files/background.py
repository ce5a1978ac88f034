"""What the background follower found, in chunks of the work store: beside the people of the same frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.untrusted.limits import damage
from detectors.background.follow import FrameBackground
from detectors.background.points import BackgroundPoints

__all__ = ["pack_background", "sound_background", "unpack_background"]


def pack_background(frames: Sequence[FrameBackground]) -> dict[str, NDArray[Any]]:
    """Ragged arrays of F frames with M points in all, for ``Workspace.append``.

    Returns:
        ``background_start [F + 1]`` (the points of frame f are rows ``start[f]`` to ``start[f + 1]``),
        ``background_id [M]``, ``background_px [M, 2]`` px, ``background_broken [F]``.
    """
    return {
        "background_start": np.cumsum([0, *(len(frame.point_id) for frame in frames)], dtype=np.int64),
        "background_id": np.concatenate([np.zeros(0, np.int64), *(frame.point_id for frame in frames)]),
        "background_px": np.concatenate([np.zeros((0, 2), np.float32), *(frame.xy_px for frame in frames)]),
        "background_broken": np.array([frame.broken for frame in frames], dtype=np.bool_),
    }


def sound_background(arrays: Mapping[str, NDArray[Any]], frames: int) -> bool:
    """Whether arrays are what ``pack_background`` makes of so many frames.

    Raises LookupError, TypeError or ValueError if they are anything else.
    """
    start, point_id = arrays["background_start"], arrays["background_id"]
    expected: dict[str, tuple[str, tuple[int, ...]]] = {
        "background_start": ("i", (frames + 1,)), "background_id": ("i", (len(point_id),)),
        "background_px": ("f", (len(point_id), 2)), "background_broken": ("b", (frames,)),
    }  # fmt: skip
    if arrays.keys() != expected.keys() or any(
        (arrays[name].dtype.kind, arrays[name].shape) != form for name, form in expected.items()
    ):
        return False
    BackgroundPoints(np.arange(frames), np.zeros(frames), start, point_id, arrays["background_px"])
    return bool((point_id >= 0).all())


def unpack_background(chunks: Iterable[Mapping[str, NDArray[Any]]]) -> BackgroundPoints:
    """The points of all frames of the chunks of a run, in order.

    A frame is a cut if nearly all points were lost in it and none of those before it was seen again.

    Raises:
        UntrustedFileError: the arrays are not such.
    """
    with damage("the kept background", "background of this version", "start again with --no-resume"):
        names = ("frame_index", "time_s", "background_id", "background_px", "background_broken")
        parts: dict[str, list[NDArray[Any]]] = {name: [] for name in names}
        start, seen = [np.zeros(1, np.int64)], 0
        for arrays in chunks:
            for name in names:
                parts[name].append(arrays[name])
            start.append(arrays["background_start"][1:] + seen)
            seen += len(arrays["background_id"])
        if not parts["time_s"]:
            none = np.zeros(0, np.int64)
            return BackgroundPoints(none, np.zeros(0), start[0], none, np.zeros((0, 2), np.float32))
        frame_index, time_s, point_id, xy_px, broken = (np.concatenate(parts[name]) for name in names)
        begin = np.concatenate(start)
        cut = broken & ~_spanned(begin, point_id)
        cut[:1] = False
        return BackgroundPoints(frame_index, time_s, begin, point_id, xy_px, cut)


def _spanned(start: NDArray[np.int64], point_id: NDArray[np.int64]) -> NDArray[np.bool_]:
    """For each frame, whether a point is seen before it that is seen in it or after it, too."""
    frames = len(start) - 1
    frame = np.repeat(np.arange(frames), np.diff(start))
    _, of = np.unique(point_id, return_inverse=True)
    last = np.zeros(int(of.max(initial=-1)) + 1, np.int64)
    first = np.full(len(last), frames, np.int64)
    np.maximum.at(last, of, frame)
    np.minimum.at(first, of, frame)
    # Each point opens the span behind its first frame and closes it behind its last.
    steps = np.bincount(first + 1, minlength=frames + 1) - np.bincount(last + 1, minlength=frames + 1)
    spanned: NDArray[np.bool_] = np.cumsum(steps)[:frames] > 0
    return spanned
