"""Intermediate results on disk: a killed run resumes, and memory does not depend on the length of the video."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.untrusted import UntrustedFileError
from assets.untrusted.arrays import load_npz
from assets.untrusted.limits import damage
from assets.untrusted.texts import read_text
from detectors.layouts import LAYOUTS
from detectors.people import Person2D
from pipeline.errors import OutputError
from pipeline.files.atomic import atomic_path

__all__ = ["FramePeople", "Workspace", "fingerprint", "pack_people", "sound_people", "unpack_people"]

_FINGERPRINT = "fingerprint.json"
_STAGE = re.compile(r"[a-z][a-z0-9_]*")


class Workspace:
    """A folder of numbered chunks per stage, valid for one input with one set of settings.

    Chunks hold named arrays (``.npz`` without pickles) and appear whole or not at all. On opening, every chunk is
    checked against its checksums; a damaged or missing one is discarded together with all later chunks of its stage.

    Args:
        folder: created if missing; see ``beside``.
        fingerprint: JSON-able; if the folder holds another one, its contents are discarded. See ``fingerprint``.

    Raises:
        OutputError: the folder holds something else, or cannot be created.
    """

    def __init__(self, folder: str | Path, fingerprint: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        text = json.dumps(fingerprint, sort_keys=True, default=str)
        self._counts: dict[str, int] = {}
        try:
            if self._stored_fingerprint() != text:
                self._clear()
                self.folder.mkdir(parents=True, exist_ok=True)
                with atomic_path(self.folder / _FINGERPRINT) as temporary:
                    temporary.write_text(text, encoding="utf-8")
            for stage in self._stages():
                self._check(stage)
        except OSError as error:
            raise OutputError(
                f"the folder {self.folder} for intermediate results cannot be used ({error.strerror}); choose another "
                "place for the output"
            ) from error

    @classmethod
    def beside(cls, output: str | Path, fingerprint: Mapping[str, Any]) -> Workspace:
        """The workspace ``<output>.work`` next to an output file."""
        output = Path(output)
        return cls(output.with_name(output.name + ".work"), fingerprint)

    def count(self, stage: str) -> int:
        """Number of chunks that a stage has stored; the index of the next one."""
        return self._counts.get(stage, 0)

    def frames(self, stage: str) -> int:
        """Number of frames in the stored chunks of a stage of people."""
        return sum(len(arrays["frame_index"]) for arrays in self.chunks(stage))

    def append(self, stage: str, chunk_index: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Store the next chunk of a stage.

        Raises:
            ValueError: the chunk is not the next one, the stage is complete, or an array needs pickling.
            OutputError: the disk is full.
        """
        if not _STAGE.fullmatch(stage):
            raise ValueError(f"a stage is named by lower-case letters, digits and _, not {stage!r}")
        if chunk_index != self.count(stage) or self.is_complete(stage):
            raise ValueError(
                f"stage {stage} expects chunk {self.count(stage)} of an unfinished stage, not {chunk_index}"
            )
        with atomic_path(self._chunk(stage, chunk_index)) as temporary:
            np.savez(temporary, allow_pickle=False, **arrays)
        self._counts[stage] = chunk_index + 1

    def chunks(self, stage: str, first: int = 0) -> Iterator[dict[str, NDArray[Any]]]:
        """The stored chunks of a stage in order, one in memory at a time."""
        for index in range(first, self.count(stage)):
            yield load_npz(self._chunk(stage, index))

    def complete(self, stage: str) -> None:
        """Mark a stage as finished."""
        with atomic_path(self._marker(stage)) as temporary:
            temporary.write_text(str(self.count(stage)), encoding="ascii")
        self._counts.setdefault(stage, 0)

    def is_complete(self, stage: str) -> bool:
        """Whether a stage was finished and all its chunks are there."""
        return self._marker(stage).exists()

    def discard(self, stage: str, first: int = 0) -> None:
        """Forget the chunks of a stage from ``first`` on and that it was complete."""
        # The marker goes first, so that being killed here leaves a stage that is only unfinished.
        self._marker(stage).unlink(missing_ok=True)
        for index in reversed(self._indices(stage)):
            if index >= first:
                self._chunk(stage, index).unlink(missing_ok=True)
        self._counts[stage] = min(first, self.count(stage))

    def keep_sound(self, stage: str, sound: Callable[[int, Mapping[str, NDArray[Any]]], bool]) -> None:
        """Discard the first chunk that is not what its stage writes, and what comes after it: they are made anew.

        Checksums only say that a chunk is as somebody wrote it.

        Args:
            stage: its name.
            sound: gets the index and the arrays of a chunk. Whatever it raises stands for False.
        """
        for index, arrays in enumerate(self.chunks(stage)):
            fine = False
            with suppress(Exception):
                fine = sound(index, arrays)
            if not fine:
                self.discard(stage, index)
                return

    def remove(self) -> None:
        """Delete the workspace after success; what is not its own or does not let itself be deleted stays."""
        # The results are there: nothing that happens here makes them worse.
        with suppress(OSError):
            self._clear()
            self.folder.rmdir()

    def _chunk(self, stage: str, index: int) -> Path:
        return self.folder / f"{stage}-{index:06d}.npz"

    def _marker(self, stage: str) -> Path:
        return self.folder / f"{stage}.done"

    def _own_files(self) -> Iterator[Path]:
        own = re.compile(
            rf"\.?{_STAGE.pattern}(-[0-9]{{6,}}(\.part)?\.npz|(\.part)?\.done)|\.?fingerprint(\.part)?\.json"
        )
        for path in list(self.folder.iterdir()) if self.folder.is_dir() else []:
            if own.fullmatch(path.name):
                yield path

    def _stages(self) -> set[str]:
        return {re.split(r"[-.]", path.name)[0] for path in self._own_files() if path.suffix in (".npz", ".done")} - {
            ""
        }

    def _indices(self, stage: str) -> list[int]:
        chunk = re.compile(rf"{stage}-([0-9]{{6,}})\.npz")
        return [int(found[1]) for path in self._own_files() if (found := chunk.fullmatch(path.name))]

    def _stored_fingerprint(self) -> str | None:
        # Not through a link either: what is deleted at the end may be somebody's.
        if self.folder.is_symlink() or (self.folder.exists() and not self.folder.is_dir()):
            raise OutputError(f"{self.folder} is in the way of the folder for intermediate results; move or delete it")
        with suppress(UntrustedFileError):
            return read_text(self.folder / _FINGERPRINT)
        if self.folder.is_dir():
            foreign = set(self.folder.iterdir()) - set(self._own_files())
            if foreign:
                raise OutputError(
                    f"{self.folder} holds files that are not intermediate results ({min(foreign).name}); move them or "
                    "choose another name for the output"
                )
        return None

    def _check(self, stage: str) -> None:
        """Count the sound chunks from the start; what comes after them is deleted."""
        found = 0
        while _sound(self._chunk(stage, found)):
            found += 1
        marker = self._marker(stage)
        promised = str(found)
        if marker.exists():
            promised = "a number that cannot be read"
            with suppress(UntrustedFileError):
                promised = read_text(marker, errors="replace")
        self._counts[stage] = found
        if len(self._indices(stage)) != found or promised != str(found):
            self.discard(stage, found)

    def _clear(self) -> None:
        for path in self._own_files():
            path.unlink(missing_ok=True)


def _sound(chunk: Path) -> bool:
    try:
        load_npz(chunk)
    except UntrustedFileError:
        return False
    return True


def fingerprint(input_path: str | Path, settings: Mapping[str, Any], files: Sequence[Path] = ()) -> dict[str, Any]:
    """What a resumed run must share with the killed one: path, size and time of change of the input, and settings.

    Args:
        input_path: as the run was given it.
        settings: JSON values.
        files: those of the input, if it is several.
    """
    path = Path(input_path).resolve()
    if not files:
        stat = path.stat()
        return {"input": str(path), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "settings": dict(settings)}
    digest = hashlib.sha256()
    for file in files:
        # One that has gone in the meantime is none that was there.
        with suppress(OSError):
            stat = file.stat()
            digest.update(repr((os.fsencode(file.name), stat.st_size, stat.st_mtime_ns)).encode())
    return {"input": str(path), "files": len(files), "sha256": digest.hexdigest(), "settings": dict(settings)}


@dataclass(frozen=True)
class FramePeople:
    """The people of one frame.

    Attributes:
        frame_index: position in the decoded stream.
        time_s: presentation time in seconds.
        people: in any number, also none.
    """

    frame_index: int
    time_s: float
    people: tuple[Person2D, ...]


def pack_people(frames: Sequence[FramePeople], layout: str) -> dict[str, NDArray[Any]]:
    """Ragged arrays of F frames with P people in all, for ``Workspace.append``.

    Returns:
        ``frame_index [F]``, ``time_s [F]`` s, ``offsets [F + 1]`` (the people of frame f are rows ``offsets[f]`` to
        ``offsets[f + 1]``), ``keypoints_px [P, J, 2]``, ``confidence [P, J]``, ``boxes [P, 4]`` px, ``scores [P]``,
        ``track_ids [P]`` (-1: none), ``layout`` (its name).

    Raises:
        ValueError: a person has another keypoint layout.
    """
    people = [person for frame in frames for person in frame.people]
    if other := {person.layout for person in people} - {layout}:
        raise ValueError(f"people in layout {min(other)} cannot be stored among people in layout {layout}")
    joints = len(LAYOUTS[layout])
    return {
        "frame_index": np.array([frame.frame_index for frame in frames], dtype=np.int64),
        "time_s": np.array([frame.time_s for frame in frames], dtype=np.float64),
        "offsets": np.cumsum([0, *(len(frame.people) for frame in frames)], dtype=np.int64),
        "keypoints_px": np.array([p.keypoints_px for p in people], dtype=np.float32).reshape(-1, joints, 2),
        "confidence": np.array([p.confidence for p in people], dtype=np.float32).reshape(-1, joints),
        "boxes": np.array([p.box for p in people], dtype=np.float32).reshape(-1, 4),
        "scores": np.array([p.score for p in people], dtype=np.float64),
        "track_ids": np.array([-1 if p.track_id is None else p.track_id for p in people], dtype=np.int64),
        "layout": np.array(layout),
    }


def sound_people(arrays: Mapping[str, NDArray[Any]], layout: str, after: tuple[int, float] | None = None) -> bool:
    """Whether arrays are what ``pack_people`` makes of frames.

    Args:
        arrays: of a chunk.
        layout: of the keypoints.
        after: index and time of the frame before the first.

    Raises:
        LookupError, TypeError or ValueError: they are anything else.
    """
    frame, time_s, offsets, person = (arrays[name] for name in ("frame_index", "time_s", "offsets", "track_ids"))
    count, people, joints = len(frame), len(person), len(LAYOUTS[layout])
    expected: dict[str, tuple[str, tuple[int, ...]]] = {
        "frame_index": ("i", (count,)), "time_s": ("f", (count,)), "offsets": ("i", (count + 1,)),
        "keypoints_px": ("f", (people, joints, 2)), "confidence": ("f", (people, joints)), "boxes": ("f", (people, 4)),
        "scores": ("f", (people,)), "track_ids": ("i", (people,)), "layout": ("U", ()),
    }  # fmt: skip
    return (
        count > 0
        and arrays.keys() == expected.keys()
        and all((arrays[name].dtype.kind, arrays[name].shape) == form for name, form in expected.items())
        and all(np.isfinite(arrays[name]).all() for name in ("time_s", "boxes", "scores"))
        and bool(np.isfinite(arrays["keypoints_px"][arrays["confidence"] > 0]).all())
        and not ((arrays["confidence"] < 0) | (arrays["confidence"] > 1)).any()
        and str(arrays["layout"]) == layout
        and (offsets[0], offsets[-1]) == (0, people)
        and bool((np.diff(offsets) >= 0).all() and (np.diff(frame) > 0).all() and (np.diff(time_s) > 0).all())
        and (frame[0] >= 0 if after is None else frame[0] > after[0] and time_s[0] > after[1])
    )


def unpack_people(arrays: Mapping[str, NDArray[Any]]) -> list[FramePeople]:
    """The inverse of ``pack_people``. Raises UntrustedFileError if the arrays are not such; see ``sound_people``."""
    with damage("the kept detection", "detection of this version", "start again with --no-resume"):
        layout = str(arrays["layout"])
        people = [
            Person2D(keypoints, confidence, layout, box, float(score), None if track_id < 0 else int(track_id))
            for keypoints, confidence, box, score, track_id in zip(
                *(arrays[name] for name in ("keypoints_px", "confidence", "boxes", "scores", "track_ids")), strict=True
            )
        ]
        offsets = arrays["offsets"].tolist()
        return [
            FramePeople(int(index), float(time_s), tuple(people[offsets[f] : offsets[f + 1]]))
            for f, (index, time_s) in enumerate(zip(arrays["frame_index"], arrays["time_s"], strict=True))
        ]
