"""From a configuration and a checkpoint to a model of MMPose or MMDet."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from detectors.openmmlab.checkpoints import read_weights
from detectors.openmmlab.compat import install
from detectors.openmmlab.errors import ModelError, NotInstalled
from detectors.openmmlab.zoo import is_own, load_config

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ["build_model", "default_scope", "import_openmmlab", "load_weights"]


def import_openmmlab() -> None:
    """Import MMDet and MMPose, which fills their registries. Raises NotInstalled if that fails."""
    try:
        install()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name in ("mmdet.datasets.transforms", "mmdet.models", "mmpose.datasets.transforms", "mmpose.models"):
                import_module(name)
    except Exception as error:  # other releases of theirs or of numpy, PyTorch and OpenCV fail in many ways
        raise NotInstalled(
            f"MMPose is installed but cannot be loaded ({type(error).__name__}: {error}); "
            "pip install -c constraints.txt '.[mmpose]' brings releases that fit together"
        ) from error


def build_model(config_file: Path, kind: Literal["det", "pose"]) -> tuple[Any, Config]:
    """The model of a configuration with random weights, in evaluation mode, and the configuration.

    Raises:
        NotInstalled: the extra cannot be imported.
        ModelError: the configuration is for another task, or cannot be built.
    """
    import_openmmlab()
    from mmdet.models import BaseDetector
    from mmdet.registry import MODELS as MMDET
    from mmpose.models.pose_estimators import BottomupPoseEstimator, TopdownPoseEstimator
    from mmpose.registry import MODELS as MMPOSE

    if is_own(config_file):
        import detectors.openmmlab.movenet_model  # noqa: F401 - registers what the configuration names
    config = load_config(config_file)
    config.model.train_cfg = None
    if kind == "det":
        registry, families, what = MMDET, [BaseDetector], "a detector of MMDet"
    else:
        registry, families = MMPOSE, [TopdownPoseEstimator, BottomupPoseEstimator]
        what = "a 2D pose estimator of MMPose"
    with default_scope("mmdet" if kind == "det" else "mmpose"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        type_name = config.model.type
        found = type_name if isinstance(type_name, type) else registry.get(type_name)
        if found is None or not issubclass(found, tuple(families)):
            raise ModelError(f"{config_file.name} does not describe {what}, but {type_name}; give one that does")
        try:
            model = registry.build(config.model)
        except Exception as error:  # of any library that a configuration names
            raise ModelError(f"{config_file.name} cannot be built ({type(error).__name__}: {error})") from error
    model.eval()
    return model, config


def load_weights(model: Any, config_file: Path, weights_file: Path) -> None:
    """Weights of a file into a model. Raises ModelError if the file is damaged or belongs to another model."""
    if weights_file.suffix == ".onnx":
        from detectors.openmmlab.movenet_weights import movenet_weights

        weights = movenet_weights(weights_file)
    else:
        weights = read_weights(weights_file)
    wrong = ModelError(f"{weights_file.name} does not hold the weights of {config_file.name}; give those of this model")
    try:
        missing = model.load_state_dict(weights, strict=False).missing_keys
    except RuntimeError as error:  # other shapes
        raise wrong from error
    # The mean colour stands in the configuration; counters of training batches matter to nobody here.
    if any(not name.startswith("data_preprocessor.") and not name.endswith("num_batches_tracked") for name in missing):
        raise wrong


@contextmanager
def default_scope(name: Literal["mmdet", "mmpose"]) -> Iterator[None]:
    """In the block, types without a prefix are looked up in the registry of this package."""
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope(name):
        yield
