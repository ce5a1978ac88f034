"""The settings of a run, each said once: name, type, default, bounds and the line of the help; checked at the border.

The options of the command line are made from here (``pipeline.commands.options``), so importing this is cheap; that is
why annotations, which are read here, are not postponed. Defaults of the stages are theirs.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from detectors.options import DetectorOptions
from lifting.settings import DEFAULT_FOV_DEG, STEPS, LiftSettings
from pipeline.errors import InputError, as_input_error
from pipeline.results.exporters import ExportOptions, Skeleton
from visualize.stream import Layout, PictureOptions, ThemeName

__all__ = [
    "DEFAULT_CONFIG",
    "LIVE_PEOPLE",
    "SETTINGS",
    "Option",
    "RunSettings",
    "Setting",
    "load_settings",
    "now_called",
]

DEFAULT_CONFIG = "wild"

#: People that a live session looks for, where it is not told.
LIVE_PEOPLE = 3

_STEPS = f"{STEPS['fast']['learnt']}, from the grid {STEPS['fast']['grid']}, reference {STEPS['reference']['learnt']}"

_WORDS = {
    bool: "true or false", int: "a whole number", float: "a number", str: "a text", Path: "the name of a file",
}  # fmt: skip


class Option(NamedTuple):
    """How a user gives a setting.

    Attributes:
        help: what it is; bounds and default are added.
        metavar: what stands for the value in the help.
        least, most, above, below: bounds, the latter two excluded.
        unset: in words, what holds where the setting has no default.
        zero: a word for 0.
        environment: variable that gives it, too.
        formerly: names that it had; each is taken for one more release.
    """

    help: str
    metavar: str | None = None
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    unset: str | None = None
    zero: str | None = None
    environment: str | None = None
    formerly: tuple[str, ...] = ()


def direction_of(text: str, name: str) -> tuple[float, float, float]:
    """Three numbers that are not all 0, of length 1. Raises InputError otherwise; ``name`` says of what."""
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"{name} takes three numbers such as 0,-1,0, not {text!r}") from error
    length = math.sqrt(x * x + y * y + z * z)
    if not 1e-6 < length < math.inf:
        raise InputError(f"{name} takes a direction such as 0,-1,0, not {text!r}")
    return x / length, y / length, z / length


@dataclass(frozen=True, match_args=False)
class RunSettings:
    """Everything that can be told to a run; the names are those of the command line with ``_`` for ``-``.

    Raises InputError if a value is not allowed, or two do not agree.
    """

    preset: Annotated[Literal["fast", "reference"], Option("Optimiser: fast, or as published")] = LiftSettings.preset
    ipo: Annotated[
        Literal["learnt", "grid"], Option("Where fast begins: with the initialiser, or with one pose turned to fit")
    ] = LiftSettings.ipo
    steps: Annotated[int | None, Option("Optimiser steps", "N", least=1, most=10_000, unset=_STEPS)] = None
    alternatives: Annotated[
        int,
        Option("Explanations of the 2D, of which the prior chooses", "N", least=1, most=4, formerly=("hypotheses",)),
    ] = LiftSettings.alternatives
    seed: Annotated[int, Option("Of the noise with which the prior judges alternatives", "N", least=0, below=2**63)] = (
        LiftSettings.seed
    )
    prior: Annotated[Path | None, Option("Another prior (.safetensors, .pt, .pth)", "FILE")] = None
    templates: Annotated[
        Path | None, Option("Of another prior (`train clusters`)", "FILE", formerly=("starting_poses",))
    ] = None
    initialiser: Annotated[
        Path | None, Option("Another one (`train initialiser`)", "FILE", formerly=("start_network",))
    ] = None
    fov: Annotated[
        float | None,
        Option("Field of view along the longer image side", "DEG", 5, 170, unset=f"assumed: {DEFAULT_FOV_DEG:g}"),
    ] = None
    focal_px: Annotated[float | None, Option("Focal length in pixels", "F", above=0)] = None
    camera: Annotated[Path | None, Option("Calibration, .toml or .json", "FILE")] = None
    camera_motion: Annotated[
        Literal["auto", "still", "off"],
        Option("How the camera moved: found in the background, it stood still, or left alone"),
    ] = "auto"
    camera_path: Annotated[
        Path | None, Option("Where the camera was in every frame: TUM, or images.txt of COLMAP", "FILE")
    ] = None
    up: Annotated[
        str | None, Option("Direction of up for the first camera: x right, y down, z forward", "X,Y,Z", unset="found")
    ] = None
    person_height: Annotated[
        float | None, Option("Standing height of the people in metres, sets the scale", "M", 0.3, 2.6)
    ] = None
    detector: Annotated[str, Option("2D detector: mmpose, movenet, or auto: MMPose if it can be used", "NAME")] = "auto"
    det_config: Annotated[str | None, Option("Person detector of MMDet", "NAME|FILE", unset="RTMDet-m")] = None
    det_weights: Annotated[str | None, Option("Its weights", "FILE|URL", unset="those of the model zoo")] = None
    pose_config: Annotated[str | None, Option("Keypoint model of MMPose", "NAME|FILE", unset="RTMPose-m, Halpe-26")] = (
        None
    )
    pose_weights: Annotated[str | None, Option("Its weights", "FILE|URL", unset="those of the model zoo")] = None
    flip_test: Annotated[bool, Option("Average with the mirrored picture; twice the time")] = DetectorOptions.flip_test
    runtime: Annotated[Literal["onnx", "torch"], Option("What runs MMPose's networks")] = DetectorOptions.runtime
    offline: Annotated[bool, Option("Download no weights", environment="ZEDO_OFFLINE")] = DetectorOptions.offline
    keypoints: Annotated[
        Path | None,
        Option("2D people in place of detection: ours, COCO results, AlphaPose, MMPose, a folder of OpenPose", "FILE"),
    ] = None
    image_size: Annotated[
        str | None, Option("Of the pictures that keypoints are in, where there is no video", "WxH", unset="as in FILE")
    ] = None
    max_people: Annotated[int | None, Option("Keep the N people seen in most frames of each shot", "N", least=1)] = None
    person: Annotated[tuple[int, ...], Option("Keep this person only; may be repeated", "ID", least=1)] = ()
    start: Annotated[float | None, Option("Begin at this time in seconds", "S", least=0)] = None
    end: Annotated[float | None, Option("Stop at this time in seconds", "S", above=0)] = None
    fps: Annotated[
        float | None,
        Option("Of pictures and raw streams, frames per second", "FPS", least=0.01, most=1000, unset="a guess"),
    ] = None
    smooth: Annotated[
        float, Option("Smoothing over time, seconds of 1 sigma", "SECONDS|off", least=0, most=5, zero="off")
    ] = LiftSettings.smooth_s
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], Option("Where lifting runs")] = DetectorOptions.device
    gif_width: Annotated[int, Option("Width of a GIF in pixels", "PX", least=64, most=4096)] = PictureOptions.gif_width
    gif_fps: Annotated[float, Option("Frames per second of a GIF, at most", "FPS", least=0.01, most=50)] = (
        PictureOptions.gif_fps
    )
    layout: Annotated[
        Layout, Option("Pictures show the video with the people over it beside the scene in 3D, or one of them alone")
    ] = PictureOptions.layout
    theme: Annotated[ThemeName, Option("Of the scene in 3D in pictures")] = PictureOptions.theme
    skeleton: Annotated[Skeleton, Option("Names and axes of joints in files with a skeleton")] = ExportOptions.skeleton

    def __post_init__(self) -> None:
        for name, value in _checked({name: getattr(self, name) for name in SETTINGS}).items():
            object.__setattr__(self, name, value)
        given = [name for name in ("fov", "focal_px", "camera") if getattr(self, name) is not None]
        if len(given) > 1:
            flags = " and ".join(SETTINGS[name].flag for name in given)
            raise InputError(f"{flags} say the same thing twice; give one of them")
        if self.camera_path is not None and self.camera_motion != "auto":
            raise InputError(f"--camera-path and --camera-motion {self.camera_motion} contradict each other; give one")
        if self.image_size is not None:
            sides = self.image_size.lower().split("x")
            if len(sides) != 2 or not all(
                side.isascii() and side.isdigit() and 1 <= int(side) <= 2**16 for side in sides
            ):
                raise InputError(f"--image-size cannot be {self.image_size!r}: it must be WIDTHxHEIGHT, like 1920x1080")
        if self.up is not None:
            direction_of(self.up, "--up")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise InputError(f"--start {self.start:g} must lie before --end {self.end:g}")

    def picture_options(self) -> PictureOptions:
        """What concerns pictures."""
        return PictureOptions(self.gif_width, self.gif_fps, self.layout, self.theme)

    def detector_options(self) -> DetectorOptions:
        """What detectors are told."""
        return DetectorOptions(**{field.name: getattr(self, field.name) for field in fields(DetectorOptions)})

    @property
    def picture_size(self) -> tuple[int, int] | None:
        """Width and height as given."""
        if self.image_size is None:
            return None
        width, height = map(int, self.image_size.lower().split("x"))
        return width, height

    def describe(self) -> dict[str, Any]:
        """Every setting, as JSON values."""
        values = asdict(self)
        return values | {name: str(value) for name, value in values.items() if isinstance(value, Path)}


class Setting(NamedTuple):
    """One field of ``RunSettings``: name, type, default, and how a user gives it."""

    name: str
    hint: Any
    default: Any
    option: Option

    @property
    def kind(self) -> type:
        """Of a single value: ``bool``, ``int``, ``float``, ``str`` or ``Path``."""
        if self.choices:
            return str
        kind: type = next(part for part in (*get_args(self.hint), self.hint) if isinstance(part, type))
        return kind

    @property
    def choices(self) -> tuple[str, ...]:
        """All values, if they are words."""
        return get_args(self.hint) if get_origin(self.hint) is Literal else ()

    @property
    def several(self) -> bool:
        """Whether it may be given several times."""
        return get_origin(self.hint) is tuple

    @property
    def flag(self) -> str:
        """The option of the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def help(self) -> str:
        """The line of the help, with bounds and default."""
        option, shown = self.option, self.option.unset
        bounds = f", {option.least:g} to {option.most:g}" if option.least is not None and option.most else ""
        if self.default not in (None, ()) and self.kind is not bool:
            shown = f"{self.default:g}" if self.kind is float else str(self.default)
        return f"{option.help}{bounds}{f' ({shown})' if shown is not None else ''}."

    @property
    def wanted(self) -> str:
        """What a value must be, in words."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        least, most, above, below = self.option[2:6]
        words = {"at least": least, "above": above, "at most": most, "below": below}
        bounds = " and ".join(f"{word} {bound:g}" for word, bound in words.items() if bound is not None)
        several = "a list, each " if self.several else ""
        return f"{several}{_WORDS[self.kind]}{f', {bounds}' if bounds else ''}"


def _settings() -> dict[str, Setting]:
    found = {}
    for field in fields(RunSettings):
        hint, option = get_args(field.type)
        kinds = get_args(hint)
        found[field.name] = Setting(field.name, kinds[0] if NoneType in kinds else hint, field.default, option)
    return found


#: The settings of a run by name.
SETTINGS = _settings()


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of all settings in their own types. Raises InputError if one is not allowed."""
    from pydantic import ValidationError

    for name, setting in SETTINGS.items():
        # To pydantic True is a number.
        if values[name] is True and setting.kind is not bool:
            raise InputError(f"{setting.flag} cannot be True: it must be {setting.wanted}")
    zeros = {name: setting.option.zero for name, setting in SETTINGS.items() if setting.option.zero is not None}
    words = {name: 0 for name, zero in zeros.items() if values[name] is False or values[name] == zero}
    try:
        return _model()(**{**values, **words}).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        setting = SETTINGS[str(first["loc"][0])]
        raise InputError(f"{setting.flag} cannot be {first['input']!r}: it must be {setting.wanted}") from error


@cache
def _model() -> Any:
    """What checks the values: a model of pydantic, made when it is needed, since the help does without."""
    from pydantic import ConfigDict, Field, create_model

    made: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        least, most, above, below = setting.option[2:6]
        bounds = Field(ge=least, le=most, gt=above, lt=below, strict=True if setting.kind is bool else None)
        single: Any = Annotated[get_args(setting.hint)[0] if setting.several else setting.hint, bounds]
        hint = tuple.__class_getitem__((single, ...)) if setting.several else single
        made[name] = (hint | None if setting.default is None else hint, setting.default)
    return create_model("RunSettings", __config__=ConfigDict(allow_inf_nan=False), **made)


def load_settings(
    config: str | Path | None, given: Mapping[str, Any], note: Callable[[str], None] = lambda text: None
) -> RunSettings:
    """Defaults, overridden by a configuration file, overridden by what was given on the command line.

    Args:
        config: name of a shipped configuration or path of a TOML file; None is ``wild``.
        given: settings by name; None values count as not given.
        note: gets a sentence for each name of the file that is about to go.

    Raises:
        InputError: the file cannot be read, or a value is not allowed.
    """
    values = {}
    former = {old: name for name, setting in SETTINGS.items() for old in setting.option.formerly}
    for name, value in _read_config(str(config or DEFAULT_CONFIG)).items():
        if name in former:
            note(now_called(name, former[name]))
        values[former.get(name, name)] = value
    overrides = {name: value for name, value in given.items() if value is not None and value != ()}
    # One way to give the camera on the command line replaces another way in the file.
    if overrides.keys() & {"fov", "focal_px", "camera"}:
        values = {name: value for name, value in values.items() if name not in {"fov", "focal_px", "camera"}}
    values |= overrides
    if unknown := values.keys() - SETTINGS.keys():
        raise InputError(f"there is no setting {min(unknown)}; the names are those of `zedo-video --help` with _ for -")
    return RunSettings(**values)


def now_called(old: str, new: str) -> str:
    """What somebody who used the word of an older version is told."""
    return f"{old} is now {new}; the old word goes in the next release"


def shipped_configs() -> list[str]:
    """Names of the configurations for videos in the package ``configs``."""
    from importlib.resources import files

    from assets.untrusted.texts import load_toml

    paths = (Path(str(item)) for item in files("configs").iterdir())
    # Those of trainings and of benchmarks, which have published figures to stand beside, are for other commands.
    return sorted(
        path.stem
        for path in paths
        if path.suffix == ".toml" and not path.stem.startswith("train_") and "published" not in load_toml(path)
    )


def _read_config(config: str) -> dict[str, Any]:
    from importlib.resources import files

    from assets.untrusted.texts import load_toml

    path = Path(config)
    if config in shipped_configs():
        path = Path(str(files("configs"))) / f"{config}.toml"
    elif not path.is_file():
        raise InputError(
            f"there is no configuration {config}; give a TOML file or one of: {', '.join(shipped_configs())}"
        )
    with as_input_error():
        return load_toml(path)
