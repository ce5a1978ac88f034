"""Names of the model zoos: which file a configuration is, and which weights belong to it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from assets.integrity import asset_path
from detectors.openmmlab.cache import download
from detectors.openmmlab.errors import ModelError, NotInstalled
from detectors.options import Stage

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = [
    "DEFAULT_BOXES",
    "DEFAULT_POSE",
    "EMBEDDED_POSE",
    "PACKAGES",
    "find_config",
    "is_own",
    "load_config",
    "locate_weights",
    "missing_packages",
    "zoo_weights",
]

DEFAULT_BOXES = "rtmdet_m_640-8xb32_coco-person"
DEFAULT_POSE = "rtmpose-m_8xb512-700e_body8-halpe26-256x192"
EMBEDDED_POSE = "movenet-thunder"

#: What the extra installs, by import name.
PACKAGES = {"mmengine": "mmengine", "mmcv": "mmcv-lite", "mmdet": "mmdet", "mmpose": "mmpose"}

_PERSON_BOXES = "https://download.openmmlab.com/mmpose/v1/projects/rtmpose/"
# MMPose ships these two configurations as part of its demos, without a word about the weights.
_DEMO_WEIGHTS = {
    "rtmdet_m_640-8xb32_coco-person": _PERSON_BOXES + "rtmdet_m_8xb32-100e_coco-obj365-person-235e8209.pth",
    "rtmdet_nano_320-8xb32_coco-person": _PERSON_BOXES + "rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.pth",
}
_EMBEDDED_WEIGHTS = {EMBEDDED_POSE: "movenet_thunder_fp16.onnx"}


def missing_packages() -> list[str]:
    """Names, as pip knows them, of the packages of the extra that are not installed."""
    return [package for module, package in PACKAGES.items() if find_spec(module) is None]


def find_config(name: str, kind: Literal["det", "pose"]) -> Path:
    """The file of a configuration: a path, or a name in the zoo of MMDet (boxes) or MMPose, with or without ``.py``.

    Raises:
        NotInstalled: the extra is not installed.
        ModelError: there is no such file or name; names that resemble it are given.
    """
    if missing := missing_packages():
        raise NotInstalled(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed; install them with "
            "pip install -c constraints.txt '.[mmpose]', or use --detector movenet"
        )
    path = Path(name)
    if path.suffix == ".py" and path.is_file():
        return path.resolve()
    known = _configs(kind)
    if found := known.get(path.stem if path.suffix == ".py" else path.name):
        return found
    from difflib import get_close_matches

    near = get_close_matches(path.stem, known, n=3, cutoff=0.5)
    hint = (
        f"near it: {', '.join(near)}"
        if near
        else "names are those of the model zoo, such as " + (DEFAULT_BOXES if kind == "det" else DEFAULT_POSE)
    )
    zoo = "MMDet" if kind == "det" else "MMPose"
    raise ModelError(f"--{kind}-config {name} is neither a file (.py) nor a configuration of {zoo}; {hint}")


def is_own(path: Path) -> bool:
    """Whether a configuration is one of ``configs/mmpose``."""
    return path.parent == _own_folder()


def load_config(path: Path) -> Config:
    """A parsed configuration. It is a program and is run: take one only from where you would take code.

    Raises ModelError if it cannot be read.
    """
    from mmengine.config import Config

    try:
        config = Config.fromfile(path)
    except Exception as error:  # a program may fail in any way
        raise ModelError(f"{path} is no configuration that can be read ({_first_line(error)})") from error
    if not isinstance(config.get("model"), dict) or "type" not in config["model"]:
        raise ModelError(f"{path} describes no model; give a configuration of MMPose or MMDet with its _base_ files")
    return config


def zoo_weights(config: Path) -> str | None:
    """Address of the published weights of a configuration, or the name of a shipped file; None if unknown."""
    known = _EMBEDDED_WEIGHTS | _DEMO_WEIGHTS
    if config.stem in known:
        return known[config.stem]
    import yaml

    for listing in sorted(config.parent.glob("*.yml")):
        content: Any = yaml.safe_load(listing.read_text("utf-8"))
        for model in content.get("Models", []) if isinstance(content, dict) else []:
            if Path(str(model.get("Config"))).name == config.name and model.get("Weights"):
                return str(model["Weights"])
    return None


def locate_weights(given: str | None, config: Path, kind: Literal["det", "pose"], stage: Stage, offline: bool) -> Path:
    """The file of the weights: as given (a file or an address), or what the zoo has for the configuration.

    Raises:
        WeightsUnavailable: they are not on disk and cannot be downloaded.
        ModelError: the file does not exist, or the zoo has none.
    """
    source = given or zoo_weights(config)
    if source is None:
        raise ModelError(f"no weights are published for {config.name}; give the file with --{kind}-weights")
    if given is None and source in _EMBEDDED_WEIGHTS.values():
        return asset_path(source)
    if "://" in source:
        return download(source, stage, offline=offline)
    path = Path(source)
    if not path.is_file():
        raise ModelError(f"--{kind}-weights {source} does not exist; check the name")
    return path.resolve()


@cache
def _configs(kind: Literal["det", "pose"]) -> dict[str, Path]:
    """Configurations by name; MMPose's own person detectors come before those of MMDet of the same name."""
    folders = [_own_folder()] if kind == "pose" else []
    mmpose, mmdet = (_package(name) / ".mim" for name in ("mmpose", "mmdet"))
    folders += [mmpose / "configs"] if kind == "pose" else [mmpose / "demo" / "mmdetection_cfg", mmdet / "configs"]
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            if "_base_" not in path.parts:
                found.setdefault(path.stem, path)
    return found


def _own_folder() -> Path:
    return Path(str(files("configs"))).resolve() / "mmpose"


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise NotInstalled(f"{name} is not installed")
    return Path(spec.origin).parent


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
