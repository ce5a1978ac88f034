"""The registry of formats: one line makes a format known everywhere."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner

from lifting.geometry.camera import Camera
from pipeline.commands import cli
from pipeline.errors import OutputError
from pipeline.results import exporters
from pipeline.results.exporters import DATA, EXTENSIONS, Exporter, _load, check_outputs, open_writer, save, write_files
from pipeline.results.result import Result
from tests.pipeline.results.test_result import track

NOBODY = Result((), Camera.from_fov(55, (64, 48), "assumed"), {})


def people(*ids: int) -> Result:
    return Result(tuple(track(number, 0, 3) for number in ids), NOBODY.camera, {})


class Ids(Exporter):
    """A format of one number per line."""

    def write(self, path: Path, result: Result) -> None:
        path.write_text("".join(f"{track.track_id}\n" for track in result.tracks))


class Alone(Ids):
    """The same for one person."""

    one_person = True


def test_a_new_format_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OutputError, match=r"has the extension \.ids; .* use \.npz, \.json"):
        save(tmp_path / "a.ids", NOBODY)
    monkeypatch.setitem(DATA, ".ids", f"{__name__}:Ids")
    save(tmp_path / "a.IDS", NOBODY)
    assert (tmp_path / "a.IDS").read_text() == ""


def test_a_format_for_one_person_refuses_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATA, ".ids", f"{__name__}:Alone")
    with pytest.raises(OutputError, match="hold one person, and there is nobody"):
        save(tmp_path / "a.ids", NOBODY)
    assert list(tmp_path.iterdir()) == []


class TestOnePerson:
    """Formats that hold one person, and ``{person}`` in names of the others."""

    @pytest.fixture(autouse=True)
    def formats(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(DATA, ".one", f"{__name__}:Alone")
        monkeypatch.setitem(DATA, ".ids", f"{__name__}:Ids")
        monkeypatch.setattr(exporters, "EXTENSIONS", (*EXTENSIONS, ".one", ".ids"))

    @pytest.mark.parametrize(
        ("name", "ids", "files"),
        [
            ("a.one", [1, 4], {"a-1.one": "1\n", "a-4.one": "4\n"}),
            ("a.one", [4], {"a.one": "4\n"}),
            ("{person}a.one", [4], {"4a.one": "4\n"}),
            ("a.ids", [1, 4], {"a.ids": "1\n4\n"}),
            ("{person}.ids", [1, 4], {"1.ids": "1\n", "4.ids": "4\n"}),
        ],
    )
    def test_names(self, tmp_path: Path, name: str, ids: list[int], files: dict[str, str]) -> None:
        assert save(tmp_path / name, people(*ids)) == [tmp_path / file for file in files]
        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == files

    def test_all_files_or_none(self, tmp_path: Path) -> None:
        (tmp_path / "a-4.one").mkdir()
        with pytest.raises(OutputError, match="is a folder"):
            save(tmp_path / "a.one", people(1, 4))
        assert [path.name for path in tmp_path.iterdir()] == ["a-4.one"]

    @pytest.mark.parametrize("name", ["a.one", "a-{person}.one", "a-{person}.ids"])
    def test_files_that_exist_are_found_before_the_work(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "a-12.one").touch()
        (tmp_path / "a-12.ids").touch()
        (tmp_path / "a-x.one").touch()
        with pytest.raises(OutputError, match=r"a-12.* exists already, and .* may become it"):
            check_outputs([tmp_path / name], tmp_path / "in.mp4", overwrite=False)
        check_outputs([tmp_path / name], tmp_path / "in.mp4", overwrite=True)
        check_outputs([tmp_path / name], tmp_path / "in.mp4", overwrite=False, people=[1, 2])
        with pytest.raises(OutputError, match="exists already"):
            check_outputs([tmp_path / name], tmp_path / "in.mp4", overwrite=False, people=[1, 12])

    @pytest.mark.parametrize("ids", [None, [1, 2]])
    def test_files_that_would_be_one(self, tmp_path: Path, ids: list[int] | None) -> None:
        outputs = [tmp_path / "a.one", tmp_path / "a-1.one"]
        with pytest.raises(OutputError, match=r"may become a-1\.one, which is the input or another output"):
            check_outputs(outputs, tmp_path / "in.mp4", overwrite=True, people=ids)
        with pytest.raises(OutputError, match="which is the input"):
            check_outputs([tmp_path / "{person}.ids"], tmp_path / "1.ids", overwrite=True, people=ids)
        both = [tmp_path / "a.one", tmp_path / "a-{person}.one"]
        with ExitStack() as files, pytest.raises(OutputError, match="is the file of two outputs"):
            write_files(files, both, people(1, 2))
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(("name", "words"), [("{person}.gif", "show everybody"), ("{person}/a.one", "folder")])
    def test_names_that_mean_nothing(self, tmp_path: Path, name: str, words: str) -> None:
        with pytest.raises(OutputError, match=words):
            check_outputs([tmp_path / name], tmp_path / "in.mp4", overwrite=False)


@pytest.mark.parametrize("command", ["video", "webcam", "convert"])
def test_help_names_every_format(command: str) -> None:
    text = CliRunner().invoke(cli, [command, "--help"]).output
    assert exporters.FORMATS in " ".join(text.split())
    assert all(extension in exporters.FORMATS for extension in EXTENSIONS)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_every_format_can_be_loaded_and_checked(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a{extension.upper()}"
    check_outputs([path], tmp_path / "in.mp4", overwrite=False)
    if extension in DATA:
        if _load(DATA, path).one_person:
            with pytest.raises(OutputError, match="there is nobody"):
                save(path, NOBODY)
        else:
            save(path, NOBODY)
            assert path.stat().st_size
        with pytest.raises(OutputError, match="the extension decides"):
            open_writer(path)
    else:
        open_writer(path).abort()
        with pytest.raises(OutputError, match="the extension decides"):
            save(path, NOBODY)
