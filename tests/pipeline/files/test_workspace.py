"""Intermediate results survive a kill, and nothing damaged or foreign is ever taken for one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assets.untrusted import UntrustedFileError
from detectors.people import Person2D
from pipeline.errors import OutputError
from pipeline.files.workspace import FramePeople, Workspace, fingerprint, pack_people, unpack_people

PRINT = {"input": "clip.mp4", "settings": {"steps": 50}}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def filled(folder: Path, chunks: int = 4, complete: bool = False) -> Workspace:
    work = Workspace(folder, PRINT)
    for index in range(chunks):
        work.append("people", index, {"values": np.arange(100) + index})
    if complete:
        work.complete("people")
    return work


def stored(work: Workspace, stage: str = "people", first: int = 0) -> list[int]:
    return [int(chunk["values"][0]) for chunk in work.chunks(stage, first)]


def test_chunks_come_back_in_order_also_from_the_middle(tmp_path: Path) -> None:
    work = filled(tmp_path / "work")
    assert stored(work) == [0, 1, 2, 3]
    assert stored(work, first=2) == [2, 3]
    assert work.count("people") == 4
    assert not work.is_complete("people")
    assert (work.count("lift"), stored(work, "lift")) == (0, [])


def test_reopening_resumes(tmp_path: Path) -> None:
    filled(tmp_path / "work", 3).append("lift", 0, {"values": np.zeros(1)})
    again = Workspace(tmp_path / "work", PRINT)
    assert (again.count("people"), again.count("lift")) == (3, 1)
    again.append("people", 3, {"values": np.array([3])})
    again.complete("people")
    last = Workspace(tmp_path / "work", PRINT)
    assert stored(last) == [0, 1, 2, 3]
    assert last.is_complete("people")
    assert not last.is_complete("lift")


def test_stage_without_chunks_can_be_complete(tmp_path: Path) -> None:
    Workspace(tmp_path / "work", PRINT).complete("people")
    again = Workspace(tmp_path / "work", PRINT)
    assert again.is_complete("people")
    assert again.count("people") == 0


def test_only_the_next_chunk_of_an_unfinished_stage_is_taken(tmp_path: Path) -> None:
    work = filled(tmp_path / "work", 2)
    for index in (0, 1, 3):
        with pytest.raises(ValueError, match="expects chunk 2"):
            work.append("people", index, {})
    with pytest.raises(ValueError, match="lower-case"):
        work.append("../people", 0, {})
    with pytest.raises(ValueError, match="allow_pickle"):
        work.append("people", 2, {"values": np.array([{}])})
    work.complete("people")
    with pytest.raises(ValueError, match="unfinished"):
        work.append("people", 2, {"values": np.zeros(1)})
    assert names(tmp_path / "work") == ["fingerprint.json", "people-000000.npz", "people-000001.npz", "people.done"]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_amid_a_chunk(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; import numpy as np; from pathlib import Path; from pipeline.files import workspace\n"
        "work = workspace.Workspace(sys.argv[1], {'a': 1})\n"
        "work.append('people', 0, {'values': np.arange(9)})\n"
        "def savez(path, **arrays):\n"
        "    Path(path).write_bytes(b'half'); os.kill(os.getpid(), signal.SIGKILL)\n"
        "workspace.np.savez = savez\n"
        "work.append('people', 1, {'values': np.arange(9)})\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path / "work")])
    assert run.returncode == -signal.SIGKILL
    assert ".people-000001.part.npz" in names(tmp_path / "work")
    again = Workspace(tmp_path / "work", {"a": 1})
    assert again.count("people") == 1
    again.append("people", 1, {"values": np.array([7])})
    assert stored(again) == [0, 7]
    again.remove()
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "missing"])
@pytest.mark.parametrize("complete", [False, True])
def test_damaged_chunk_is_discarded_with_all_later_ones(tmp_path: Path, damage: str, complete: bool) -> None:
    filled(tmp_path / "work", 4, complete).append("lift", 0, {"values": np.array([5])})
    chunk = tmp_path / "work" / "people-000001.npz"
    data = bytearray(chunk.read_bytes())
    if damage == "missing":
        chunk.unlink()
    else:
        data[data.index(np.arange(100)[3:9].tobytes())] ^= 1
        chunk.write_bytes({"flip": bytes(data), "cut": bytes(data[: len(data) // 2]), "empty": b""}[damage])
    again = Workspace(tmp_path / "work", PRINT)
    assert stored(again) == [0]
    assert not again.is_complete("people")
    assert stored(again, "lift") == [5]
    assert names(tmp_path / "work") == ["fingerprint.json", "lift-000000.npz", "people-000000.npz"]


def test_missing_last_chunk_of_a_complete_stage_is_noticed(tmp_path: Path) -> None:
    filled(tmp_path / "work", 3, complete=True)
    (tmp_path / "work" / "people-000002.npz").unlink()
    again = Workspace(tmp_path / "work", PRINT)
    assert (again.count("people"), again.is_complete("people")) == (2, False)


def test_discard_forgets_the_end_of_a_stage(tmp_path: Path) -> None:
    work = filled(tmp_path / "work", 4, complete=True)
    work.discard("people", first=3)
    assert (stored(work), work.is_complete("people")) == ([0, 1, 2], False)
    work.discard("people")
    assert (work.count("people"), names(tmp_path / "work")) == (0, ["fingerprint.json"])


def test_other_fingerprint_starts_again(tmp_path: Path) -> None:
    filled(tmp_path / "work", complete=True)
    (tmp_path / "work" / "notes.txt").write_text("the user's own")
    other = Workspace(tmp_path / "work", {"input": "clip.mp4", "settings": {"steps": 51}})
    assert (other.count("people"), other.is_complete("people")) == (0, False)
    assert names(tmp_path / "work") == ["fingerprint.json", "notes.txt"]


def test_order_of_settings_does_not_matter(tmp_path: Path) -> None:
    filled(tmp_path / "work", 2)
    assert Workspace(tmp_path / "work", dict(reversed(PRINT.items()))).count("people") == 2


def test_fingerprint_tells_inputs_and_settings_apart(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"one")
    first = fingerprint(clip, {"steps": 50})
    assert fingerprint(clip, {"steps": 50}) == first
    assert fingerprint(clip, {"steps": 51}) != first
    os.utime(clip, ns=(0, 0))
    moved = fingerprint(clip, {"steps": 50})
    assert moved != first
    clip.write_bytes(b"longer")
    os.utime(clip, ns=(0, 0))
    assert fingerprint(clip, {"steps": 50}) != moved


def test_folder_with_foreign_files_is_refused_and_untouched(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match=r"holds files that are not intermediate results \(thesis\.txt\)"):
        Workspace(work, PRINT)
    assert names(work) == ["thesis.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
@pytest.mark.parametrize("target", ["work", "elsewhere", "missing"])
def test_a_link_in_place_of_the_folder_is_refused(tmp_path: Path, target: str) -> None:
    filled(tmp_path / "elsewhere", 2)
    before = names(tmp_path / "elsewhere")
    (tmp_path / "work").symlink_to(tmp_path / target)
    with pytest.raises(OutputError, match="is in the way of the folder"):
        Workspace(tmp_path / "work", {"another": 2})
    assert names(tmp_path / "elsewhere") == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes there")
@pytest.mark.parametrize(
    "name",
    ["", "fingerprint.json", ".fingerprint.part.json", "people-000002.npz", "people.done", ".people-000002.part.npz",
     "people-copy.npz", "people-٣.npz", "notes.txt"],
)  # fmt: skip
def test_pipes_and_foreign_files_neither_hang_nor_spoil_a_run(tmp_path: Path, name: str) -> None:
    if not name:
        os.mkfifo(tmp_path / "work")
        with pytest.raises(OutputError, match="is in the way of the folder"):
            Workspace(tmp_path / "work", PRINT)
        return
    filled(tmp_path / "work", 2)
    (tmp_path / "work" / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / "work" / name)
    work = Workspace(tmp_path / "work", PRINT)
    kept = 0 if name == "fingerprint.json" else 2
    assert work.count("people") == kept
    work.append("people", kept, {"values": np.array([kept])})
    work.complete("people")
    assert Workspace(tmp_path / "work", PRINT).is_complete("people")
    work.remove()
    assert (tmp_path / "work").exists() == (name in ("people-copy.npz", "people-٣.npz", "notes.txt"))


def test_what_cannot_be_deleted_does_not_spoil_a_good_run(tmp_path: Path) -> None:
    work = filled(tmp_path / "work", 1)
    (tmp_path / "work" / "people-000009.npz" / "inside").mkdir(parents=True)
    work.remove()
    assert (tmp_path / "work" / "people-000009.npz" / "inside").is_dir()


def test_folder_of_a_run_killed_before_its_fingerprint_is_taken_over(tmp_path: Path) -> None:
    filled(tmp_path / "work", 2)
    (tmp_path / "work" / "fingerprint.json").rename(tmp_path / "work" / ".fingerprint.part.json")
    assert Workspace(tmp_path / "work", PRINT).count("people") == 0
    assert names(tmp_path / "work") == ["fingerprint.json"]


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is in the way"):
        Workspace(tmp_path / "file", PRINT)
    with pytest.raises(OutputError, match="cannot be used"):
        Workspace(tmp_path / "file" / "work", PRINT)


def test_remove_leaves_only_what_is_not_its_own(tmp_path: Path) -> None:
    work = Workspace.beside(tmp_path / "result.gif", PRINT)
    assert work.folder == tmp_path / "result.gif.work"
    work.append("people", 0, {"values": np.zeros(1)})
    work.complete("people")
    (work.folder / ".people-000001.part.npz").write_bytes(b"half")
    (work.folder / "notes.txt").touch()
    work.remove()
    assert names(work.folder) == ["notes.txt"]
    (work.folder / "notes.txt").unlink()
    work.remove()
    assert names(tmp_path) == []


def person(seed: int, track_id: int | None = None, layout: str = "coco-17") -> Person2D:
    rng = np.random.default_rng(seed)
    points, confidence, box = (rng.random(shape, dtype=np.float32) for shape in ((17, 2), 17, 4))
    return Person2D(points, confidence, layout, box, float(rng.random()), track_id)


def test_people_come_back_from_disk(tmp_path: Path) -> None:
    frames = [
        FramePeople(10, 0.4, (person(1, 3), person(2))),
        FramePeople(11, 0.44, ()),
        FramePeople(12, 0.48, (person(3, 0),)),
        FramePeople(13, 0.52, ()),
    ]
    work = Workspace(tmp_path / "work", PRINT)
    work.append("people", 0, pack_people(frames, "coco-17"))
    (arrays,) = work.chunks("people")
    again = unpack_people(arrays)
    assert [(f.frame_index, f.time_s, len(f.people)) for f in again] == [
        (10, 0.4, 2), (11, 0.44, 0), (12, 0.48, 1), (13, 0.52, 0),
    ]  # fmt: skip
    for before, after in zip(frames, again, strict=True):
        for old, new in zip(before.people, after.people, strict=True):
            assert (new.score, new.track_id, new.layout) == (old.score, old.track_id, old.layout)
            for name in ("keypoints_px", "confidence", "box"):
                np.testing.assert_array_equal(getattr(new, name), getattr(old, name), strict=True)


@pytest.mark.parametrize("frames", [[], [FramePeople(0, 0.0, ())]])
def test_frames_without_people(frames: list[FramePeople]) -> None:
    assert unpack_people(pack_people(frames, "coco-17")) == frames


def test_people_of_another_layout_are_refused() -> None:
    with pytest.raises(ValueError, match="h36m-17 cannot be stored"):
        pack_people([FramePeople(0, 0.0, (person(1, layout="h36m-17"),))], "coco-17")


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("boxes"),
        lambda arrays: arrays.update(scores=np.float64(1)),
        lambda arrays: arrays.update(offsets=arrays["offsets"][:1]),
        lambda arrays: arrays.update(layout=np.array(["coco-17"])),
        lambda arrays: arrays.update(time_s=np.zeros((1, 2))),
    ],
)
def test_chunks_that_are_whole_and_hold_something_else(change: Callable[[dict[str, Any]], object]) -> None:
    one = Person2D(np.ones((17, 2), np.float32), np.ones(17, np.float32), "coco-17", np.ones(4, np.float32), 0.5, 1)
    arrays = pack_people([FramePeople(0, 0.0, (one,))], "coco-17")
    change(arrays)
    with pytest.raises(UntrustedFileError, match=r"the kept detection is damaged.*--no-resume"):
        unpack_people(arrays)
