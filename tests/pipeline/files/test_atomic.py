"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import InputError, OutputError
from pipeline.files.atomic import atomic_path, check_writable, claimed
from pipeline.files.workspace import Workspace
from pipeline.media.decode import probe
from pipeline.results.exporters import check_outputs


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_file_appears_at_the_end_of_the_block(tmp_path: Path) -> None:
    final = tmp_path / "clip.v2.gif"
    final.write_text("old")
    with atomic_path(final) as temporary:
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".gif")
        temporary.write_text("new")
        assert final.read_text() == "old"
    assert final.read_text() == "new"
    assert names(tmp_path) == ["clip.v2.gif"]


@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_exception_leaves_what_was_there(tmp_path: Path, kind: type[BaseException]) -> None:
    def run(name: str) -> None:
        with atomic_path(tmp_path / name) as temporary:
            temporary.write_text("half")
            raise kind

    (tmp_path / "old.gif").write_text("old")
    for name in ("old.gif", "new.gif"):
        with pytest.raises(kind):
            run(name)
    assert names(tmp_path) == ["old.gif"]
    assert (tmp_path / "old.gif").read_text() == "old"


def test_leftover_of_a_killed_run_is_replaced(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.npz") as leftover:
        leftover.write_text("will be moved")
    leftover.write_text("half a file of a killed run")
    with atomic_path(tmp_path / "a.npz") as temporary:
        assert temporary == leftover
        assert temporary.read_text() == ""
        temporary.write_text("whole")
    assert names(tmp_path) == ["a.npz"]
    assert (tmp_path / "a.npz").read_text() == "whole"


def test_writing_nothing_is_an_error_not_an_empty_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.npz"):
        pass
    assert names(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_link_keeps_pointing_to_where_it_points(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.gif").symlink_to(tmp_path / "real" / "file.gif")
    with atomic_path(tmp_path / "link.gif") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link.gif").is_symlink()
    assert (tmp_path / "real" / "file.gif").read_text() == "new"


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
@pytest.mark.parametrize("name", [".a.part.gif", ".a.gif.lock"])
def test_links_under_the_names_that_can_be_guessed_are_not_followed(tmp_path: Path, name: str) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    (tmp_path / name).symlink_to(tmp_path / "thesis.txt")
    check_writable(tmp_path / "a.gif")
    if name.endswith("lock"):
        with pytest.raises(OutputError, match=r"\.a\.gif\.lock is in the way"), claimed([tmp_path / "a.gif"]):
            pytest.fail("the work was begun")
    else:
        with atomic_path(tmp_path / "a.gif") as temporary:
            temporary.write_text("new")
        assert names(tmp_path) == ["a.gif", "thesis.txt"]
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="neither loops of links nor named pipes there")
def test_odd_paths_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.gif").symlink_to(tmp_path / "b.gif")
    (tmp_path / "b.gif").symlink_to(tmp_path / "a.gif")
    os.mkfifo(tmp_path / "pipe.gif")
    os.mkfifo(tmp_path / ".c.gif.lock")
    for path in (tmp_path / "a.gif", tmp_path / "a.gif" / "c.gif", tmp_path / "pipe.gif", Path(os.devnull)):
        with pytest.raises(OutputError, match=re.escape(str(path))):
            check_writable(path, overwrite=True)
    with pytest.raises(OutputError, match=r"a\.gif cannot be written"):
        check_outputs([tmp_path / "a.gif"], tmp_path / "b.gif", overwrite=True)
    with pytest.raises(OutputError, match="in the way"), claimed([tmp_path / "c.gif"]):
        pytest.fail("the work was begun")
    # a folder that may not be looked into
    (tmp_path / "closed").mkdir()
    with nobody():
        for path in (tmp_path / "closed" / "a.gif", tmp_path / "closed" / "deeper" / "a.gif"):
            with pytest.raises(OutputError, match="its folder does not allow it"):
                check_writable(path)
            with pytest.raises(InputError, match="cannot be read"):
                probe(path)


@pytest.mark.skipif(sys.platform == "win32", reason="other limits there")
@pytest.mark.parametrize("suffix", [".npz", ".gif"])
def test_names_near_the_limit_are_refused_before_the_work_or_work(tmp_path: Path, suffix: str) -> None:
    longest = os.pathconf(tmp_path, "PC_NAME_MAX")
    usable = []
    for length in range(longest - 16, longest + 3):
        path = tmp_path / ("é" + "n" * (length - 2 - len(suffix)) + suffix)
        try:
            check_writable(path)
        except OutputError as error:
            assert "shorten it" in str(error)
            continue
        usable.append(length)
        with claimed([path]), atomic_path(path) as temporary:
            temporary.write_text("whole")
            work = Workspace.beside(path, {})
            work.append("warnings", 0, {"values": np.zeros(1)})
            work.remove()
        path.unlink()
    assert usable == list(range(longest - 16, longest - 5)) and names(tmp_path) == []


@contextmanager
def nobody() -> Iterator[None]:
    """Without the right to look into the folders of the tests."""
    before = os.geteuid()
    if before:
        pytest.skip("only root becomes somebody else")
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_what_cannot_be_removed_from_the_temporary_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".a.part.gif" / "inside").mkdir(parents=True)
    with pytest.raises(OutputError, match="cannot be written"), atomic_path(tmp_path / "a.gif"):
        pytest.fail("the work was begun")
    assert (tmp_path / ".a.part.gif" / "inside").is_dir()


def test_checking_leaves_another_run_alone(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.gif") as temporary:
        temporary.write_text("half")
        check_writable(tmp_path / "a.gif")
        assert temporary.read_text() == "half"


def below_a_file(folder: Path) -> Path:
    # Also root cannot write there.
    (folder / "file").touch()
    return folder / "file" / "a.gif"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "missing" / "a.gif", "cannot be written because its folder .*; choose another folder"),
        (below_a_file, "cannot be written because its folder .*; choose another folder"),
        (lambda folder: folder, "is a folder; give a file name"),
    ],
)
def test_impossible_targets_are_refused_before_the_work(tmp_path: Path, make, words: str) -> None:  # type: ignore[no-untyped-def]
    path = make(tmp_path)
    with pytest.raises(OutputError, match=words) as caught, atomic_path(path):
        pytest.fail("the work was begun")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("code", "kind"), [(errno.ENOSPC, OutputError), (errno.ECONNRESET, OSError)])
def test_full_disk_is_the_users_to_solve_and_other_errors_are_not(
    tmp_path: Path, code: int, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as caught, atomic_path(tmp_path / "a.gif") as temporary:
        temporary.write_text("half")
        raise OSError(code, os.strerror(code))
    assert type(caught.value) is not OutputError or "free some space" in str(caught.value)
    assert names(tmp_path) == []


def test_check_creates_folders_and_leaves_no_file(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b" / "result.gif")
    assert names(tmp_path / "a" / "b") == []


def test_check_keeps_an_existing_file(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_text("old")
    with pytest.raises(OutputError, match="exists already; add --overwrite"):
        check_writable(path)
    check_writable(path, overwrite=True)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.gif"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_check_refuses_what_cannot_be_written(tmp_path: Path, overwrite: bool) -> None:
    with pytest.raises(OutputError, match="is a folder"):
        check_writable(tmp_path, overwrite)
    with pytest.raises(OutputError, match="its folder does not allow it"):
        check_writable(below_a_file(tmp_path), overwrite)
    with pytest.raises(OutputError, match="its folder does not allow it"):
        check_writable(tmp_path / "file" / "deeper" / "a.gif", overwrite)
