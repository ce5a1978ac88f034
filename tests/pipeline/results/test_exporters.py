"""The registry of formats: one line makes a format known everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from lifting.geometry.camera import Camera
from pipeline.commands import cli
from pipeline.errors import OutputError
from pipeline.results import exporters
from pipeline.results.exporters import DATA, EXTENSIONS, Exporter, check_outputs, open_writer, save
from pipeline.results.result import Result

NOBODY = Result((), Camera.from_fov(55, (64, 48), "assumed"), {})


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


@pytest.mark.parametrize("command", ["video", "webcam"])
def test_help_names_every_format(command: str) -> None:
    text = CliRunner().invoke(cli, [command, "--help"]).output
    assert exporters.FORMATS in " ".join(text.split())
    assert all(extension in exporters.FORMATS for extension in EXTENSIONS)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_every_format_can_be_loaded_and_checked(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a{extension.upper()}"
    check_outputs([path], tmp_path / "in.mp4", overwrite=False)
    if extension in DATA:
        save(path, NOBODY)
        assert path.stat().st_size
        with pytest.raises(OutputError, match="the extension decides"):
            open_writer(path)
    else:
        open_writer(path).abort()
        with pytest.raises(OutputError, match="the extension decides"):
            save(path, NOBODY)
