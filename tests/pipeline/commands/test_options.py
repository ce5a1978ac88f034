"""Help, documents, configurations and settings say the same; words of an older version are still taken."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from lifting.settings import DEFAULT_FOV_DEG, STEPS, LiftSettings
from lifting.training.adapt import AdaptSettings
from lifting.training.initial import InitialiserSettings
from lifting.training.prior import TrainSettings
from pipeline.commands import COMMANDS, cli
from pipeline.commands.options import Renamed
from pipeline.errors import InputError
from pipeline.settings import SETTINGS, RunSettings, load_settings
from tests.pipeline.command_line import refused, run, zedo

ROOT = Path(__file__).parents[3]
WILD = ROOT / "configs" / "wild.toml"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Of torchrun, pip and pytest.
OTHERS = {"--hypothesis-profile", "--nproc-per-node", "--nnodes", "--rdzv-backend", "--rdzv-endpoint"}


def commands() -> dict[str, click.Command]:
    """Every command by its words: ``video``, ``evaluate mocap``."""
    found: dict[str, click.Command] = {}

    def add(words: str, command: click.Command | None) -> None:
        assert command is not None
        found[words] = command
        if isinstance(command, click.Group):
            for name in command.list_commands(CONTEXT):
                add(f"{words} {name}", command.get_command(CONTEXT, name))

    for name in COMMANDS:
        add(name, cli.get_command(CONTEXT, name))
    return found


def flags(command: click.Command) -> set[str]:
    return {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)} | {"--help"}


CONTEXT = cli.make_context("zedo-video", ["--help"], resilient_parsing=True)
EVERY = commands()
OPTIONS = [
    (words, option) for words, command in EVERY.items() for option in command.params if isinstance(option, click.Option)
]


def test_every_setting_is_an_option_of_a_run() -> None:
    names = {option.name for option in EVERY["video"].params}
    assert names - set(SETTINGS) == {"inputs", "outputs", "resume", "overwrite", "quiet", "config", "limits"}
    assert set(SETTINGS) <= names


def test_the_help_states_what_holds() -> None:
    for words, option in OPTIONS:
        setting = SETTINGS.get(option.name or "")
        if (
            setting is not None
            and isinstance(option, Renamed)
            and option.opts[0] == setting.flag
            and "train" not in words
        ):
            assert option.help == setting.help and option.default in (None, (), click.core.UNSET), (words, option.name)
    assert f"({LiftSettings.smooth_s:g})" in SETTINGS["smooth"].help
    assert f"({LiftSettings.alternatives})" in SETTINGS["alternatives"].help
    for steps in (*STEPS["fast"].values(), *STEPS["reference"].values()):
        assert str(steps) in SETTINGS["steps"].help


def test_limits_of_files_are_raised_in_every_command_that_reads_some() -> None:
    reading = {words for words, command in EVERY.items() if not isinstance(command, click.Group)} - {"doctor"}
    assert reading == {words for words, option in OPTIONS if "--limits" in option.opts}


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        ("train prior", TrainSettings()),
        ("train initialiser", InitialiserSettings()),
        ("train finetune", AdaptSettings()),
        ("train control", AdaptSettings()),
    ],
)
def test_defaults_of_a_training(words: str, settings: Any) -> None:
    stated = {
        option.name: float(number[1])
        for of, option in OPTIONS
        if of == words and (number := re.search(r"\(([\d.]+)\)", option.help or ""))
    }
    assert {"steps", "batch", "learning_rate", "seed"} <= stated.keys()
    assert stated == {name: getattr(settings, str(name)) for name in stated}


def test_the_shipped_configuration_repeats_the_defaults() -> None:
    text = WILD.read_text("utf-8")
    for name, value in tomllib.loads(text).items():
        assert getattr(RunSettings(**{name: value}), name) == SETTINGS[name].default, name
    # what it names as a comment could be said
    hints = tomllib.loads("\n".join(re.findall(r"^# (\w+ = .*)$", text, flags=re.MULTILINE)))
    assert hints and hints.pop("fov") == DEFAULT_FOV_DEG
    RunSettings(**hints)


def test_numbers_of_the_documents() -> None:
    design, readme = ((ROOT / name).read_text("utf-8") for name in ("docs/design.md", "README.md"))
    assert f"{STEPS['fast']['learnt']} steps, {STEPS['fast']['grid']} from the grid" in design
    assert f"an assumed {DEFAULT_FOV_DEG:g} degrees" in readme
    defaults = {flag: option.default for _, option in OPTIONS for flag in option.opts}
    for page in PAGES:
        for flag, number in re.findall(r"`(--[a-z-]+)`, (\d[\d.]*)\)", page.read_text("utf-8")):
            assert float(number) == defaults[flag], (page.name, flag)


def written_commands(text: str) -> Iterator[list[str]]:
    """Lines of code, and code within lines, that call this program: its words."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    code = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    for line in [*lines, *code]:
        words = line.replace("$(which zedo-video)", "zedo-video").partition("#")[0]
        called = re.search(r"(?:^|[/ ])zedo-video (.*)$", words)
        if called or words.split(" ")[0] in COMMANDS:
            yield shlex.split(called[1] if called else words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_documents_name_only_options_that_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    for words in written_commands(text):
        name = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in EVERY), "video")
        mentioned = {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)}
        assert mentioned <= flags(EVERY[name]), words
    anywhere = set().union(*map(flags, EVERY.values())) | OTHERS | {"--version"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= anywhere


class TestOldWords:
    """Taken for one more release, not shown, and mentioned on standard error."""

    def test_of_a_run(self, short_clip: Path, tmp_path: Path) -> None:
        old = ["--hypotheses", 2, "--starting-poses", ROOT / "assets" / "templates.npz", "--start-network=none"]
        done = run(short_clip, "--out", "r.npz", "--quiet", *old, cwd=tmp_path)
        refused(done, "none")
        for words in (
            "hypotheses is now --alternatives",
            "starting-poses is now --templates",
            "goes in the next release",
        ):
            assert words in done.stderr
        help_text = run("--help", cwd=tmp_path).stdout
        assert "--starting-poses" not in help_text and "--hypotheses" not in help_text

    def test_of_a_configuration(self, tmp_path: Path) -> None:
        config, notes = tmp_path / "my.toml", []
        config.write_text('hypotheses = 3\nstarting_poses = "a.npz"\n')
        settings = load_settings(config, {}, notes.append)
        assert settings.alternatives == 3 and settings.templates == Path("a.npz")
        assert notes[0] == "hypotheses is now alternatives; the old word goes in the next release"

    def test_a_word_that_means_something_else_now(self, capsys: pytest.CaptureFixture[str]) -> None:
        for words in (["--hypotheses", 3], ["--starting-poses", 10, "--alternatives", 5]):
            with pytest.raises(InputError):
                zedo("evaluate", "mocap", "--data", "missing.npz", *words)
        assert "--starting-poses is now --hypotheses" in capsys.readouterr().err
        from pipeline.commands.evaluate import _asked

        settings, hypotheses = _asked({"alternatives": None}, 3)
        assert (settings.alternatives, hypotheses) == (3, None)
        assert _asked({"alternatives": 2}, 10)[1] == 10

    def test_of_trainings(self, tmp_path: Path) -> None:
        done = run("train", "start", "--data", "a", "--validation", "a", "--out", "r", "--start", "b", cwd=tmp_path)
        refused(done, "b ")
        assert "train start is now train initialiser" in done.stderr and "--start is now --from" in done.stderr
        assert "start" not in [name for words in EVERY if words.startswith("train ") for name in words.split()]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"alternatives": 5}, "--alternatives cannot be 5: it must be a whole number, at least 1 and at most 4"),
        ({"gif_fps": 0}, "--gif-fps cannot be 0: it must be a number, at least 0.01 and at most 50"),
        ({"fov": float("nan")}, "--fov cannot be nan"),
        ({"steps": 2.5}, "--steps cannot be 2.5: it must be a whole number"),
        ({"steps": True}, "--steps cannot be True"),
        ({"offline": 1}, "--offline cannot be 1: it must be true or false"),
        ({"prior": 3}, "--prior cannot be 3: it must be the name of a file"),
        ({"person": 3}, "--person cannot be 3: it must be a list"),
        ({"person": [0]}, "--person cannot be 0"),
        ({"seed": None}, "--seed cannot be None"),
        ({"device": "tpu"}, "--device cannot be 'tpu': it must be one of auto, cpu, cuda, mps"),
    ],
)
def test_what_cannot_be_is_one_sentence(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        RunSettings(**given)


def test_values_in_their_own_types() -> None:
    settings = RunSettings(fov=40, prior="a.pt", person=[1, 2], smooth="off")  # type: ignore[arg-type]
    assert settings.fov == 40.0 and isinstance(settings.fov, float) and settings.smooth == 0
    assert settings.prior == Path("a.pt") and settings.person == (1, 2)
    assert settings.describe()["prior"] == "a.pt" and hash(settings) == hash(settings)
