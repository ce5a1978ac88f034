"""The settings of a run: checked once at the border, from a TOML file and the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from detectors.options import DetectorOptions
from pipeline.errors import InputError

__all__ = ["DEFAULT_CONFIG", "RunSettings", "load_settings"]

DEFAULT_CONFIG = "wild"


class RunSettings(BaseModel):
    """Everything that can be told to a run; the names are those of the command line with ``_`` for ``-``."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    preset: Literal["fast", "reference"] = "fast"
    ipo: Literal["learnt", "grid"] = "learnt"
    steps: Annotated[int, Field(ge=1, le=10_000)] | None = None
    hypotheses: Annotated[int, Field(ge=1, le=4)] = 1
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    prior: Path | None = None
    templates: Path | None = None
    initialiser: Path | None = None
    fov: Annotated[float, Field(ge=5, le=170)] | None = None
    focal_px: Annotated[float, Field(gt=0)] | None = None
    camera: Path | None = None
    person_height: Annotated[float, Field(ge=0.3, le=2.6)] | None = None
    detector: str = "auto"
    det_config: str | None = None
    det_weights: str | None = None
    pose_config: str | None = None
    pose_weights: str | None = None
    flip_test: bool = False
    runtime: Literal["onnx", "torch"] = "onnx"
    offline: bool = False
    max_people: Annotated[int, Field(ge=1)] | None = None
    person: tuple[Annotated[int, Field(ge=1)], ...] = ()
    start: Annotated[float, Field(ge=0)] | None = None
    end: Annotated[float, Field(gt=0)] | None = None
    smooth: Annotated[float, Field(ge=0, le=5)] = 0.05
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    gif_width: Annotated[int, Field(ge=64, le=4096)] = 640
    gif_fps: Annotated[float, Field(gt=0, le=50)] = 15.0

    def detector_options(self) -> DetectorOptions:
        """What detectors are told."""
        return DetectorOptions(**{field.name: getattr(self, field.name) for field in fields(DetectorOptions)})

    @field_validator("smooth", mode="before")
    @classmethod
    def _off_is_zero(cls, value: Any) -> Any:
        return 0.0 if value in ("off", False) else value

    @model_validator(mode="after")
    def _agree(self) -> RunSettings:
        given = [name for name in ("fov", "focal_px", "camera") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(map(_flag, given))} say the same thing twice; give one of them")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(f"--start {self.start:g} must lie before --end {self.end:g}")
        return self


def load_settings(config: str | Path | None, given: Mapping[str, Any]) -> RunSettings:
    """Defaults, overridden by a configuration file, overridden by what was given on the command line.

    Args:
        config: name of a shipped configuration or path of a TOML file; None is ``wild``.
        given: settings by name; None values count as not given.

    Raises:
        InputError: the file cannot be read, or a value is not allowed.
    """
    values = _read_config(str(config or DEFAULT_CONFIG))
    overrides = {name: value for name, value in given.items() if value is not None and value != ()}
    # One way to give the camera on the command line replaces another way in the file.
    if overrides.keys() & {"fov", "focal_px", "camera"}:
        values = {name: value for name, value in values.items() if name not in {"fov", "focal_px", "camera"}}
    try:
        return RunSettings(**{**values, **overrides})
    except ValidationError as error:
        raise InputError(_sentence(error)) from error


def shipped_configs() -> list[str]:
    """Names of the configurations for videos in the package ``configs``."""
    paths = (Path(str(item)) for item in files("configs").iterdir())
    # Those of trainings and of benchmarks, which have published figures to stand beside, are for other commands.
    return sorted(
        path.stem
        for path in paths
        if path.suffix == ".toml"
        and not path.stem.startswith("train_")
        and "published" not in tomllib.loads(path.read_text("utf-8"))
    )


def _read_config(config: str) -> dict[str, Any]:
    path = Path(config)
    if config in shipped_configs():
        path = Path(str(files("configs"))) / f"{config}.toml"
    elif not path.is_file():
        raise InputError(
            f"there is no configuration {config}; give a TOML file or one of: {', '.join(shipped_configs())}"
        )
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid TOML: {error}; correct it there") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions") from error


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _sentence(error: ValidationError) -> str:
    """The first problem, as one sentence."""
    first = error.errors()[0]
    reason = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return reason
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return f"there is no setting {name}; the names are those of `zedo-video --help` with _ for -"
    return f"{_flag(name)} cannot be {first['input']!r}: {reason[:1].lower()}{reason[1:]}"
