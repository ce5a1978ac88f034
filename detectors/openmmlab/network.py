"""A model of MMPose or MMDet that is ready to predict."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from detectors.openmmlab.building import build_model, default_scope, load_weights
from detectors.openmmlab.cache import cache_folder, file_sha256
from detectors.openmmlab.errors import ModelError
from detectors.openmmlab.exported import EXPORTER, accelerate

__all__ = ["Network", "load_network"]


@dataclass
class Network:
    """A model with its own preparation of pictures.

    Attributes:
        model: of MMPose or MMDet, in evaluation mode.
        config: what it was built from.
        prepare: the transforms of the configuration, from a picture to a sample.
        files: configuration and weights, by file name, with their SHA-256.
        runtime: what runs the layers.
    """

    model: Any
    config: Any
    prepare: Any
    files: dict[str, str]
    runtime: Literal["onnx", "torch"]

    @property
    def one_stage(self) -> bool:
        """Whether a pose estimator finds the people itself."""
        from mmpose.models.pose_estimators import BottomupPoseEstimator

        return isinstance(self.model, BottomupPoseEstimator)

    def predict(self, samples: Sequence[dict[str, Any]]) -> list[Any]:
        """Data samples with ``pred_instances``, one for each sample (``img`` in BGR, and what the transforms need).

        Raises ModelError if the model needs something that is not installed.
        """
        import torch
        from mmengine.dataset import pseudo_collate

        if not samples:
            return []
        batch = pseudo_collate([self.prepare(dict(sample)) for sample in samples])
        try:
            with torch.inference_mode():
                return list(self.model.test_step(batch))
        except NotImplementedError as error:
            raise ModelError(f"{next(iter(self.files))} cannot be used: {error}") from error

    def find_nobody(self) -> None:
        """Let no score be high enough; for measurements with random weights."""
        for settings in (self.model.test_cfg, getattr(getattr(self.model, "bbox_head", None), "test_cfg", None)):
            if settings is not None and "score_thr" in settings:
                settings["score_thr"] = 2.0

    def describe(self) -> dict[str, Any]:
        """For the record."""
        return {"files": self.files, "runtime": self.runtime}


def load_network(
    config_file: Path,
    weights_file: Path,
    kind: Literal["det", "pose"],
    *,
    runtime: Literal["onnx", "torch"] = "onnx",
    device: str = "cpu",
    folder: Path | None = None,
) -> Network:
    """Build the model of a configuration and load its weights.

    Args:
        config_file, weights_file: see ``detectors.openmmlab.zoo``.
        kind: what the configuration must describe.
        runtime: ``onnx`` exports the layers at their first use and keeps them; a model that cannot be split
            (``accelerate``) is run by PyTorch all the same.
        device: of ``torch``: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        folder: where exported layers are kept; None is the cache folder.

    Raises:
        NotInstalled: the extra cannot be imported.
        ModelError: the configuration is for something else, or the weights belong to another model.
    """
    import torch
    from mmengine.dataset import Compose

    model, config = build_model(config_file, kind)
    load_weights(model, config_file, weights_file)
    files = {path.name: file_sha256(path) for path in (config_file, weights_file)}
    steps = [dict(step) for step in config.test_dataloader.dataset.pipeline]
    if kind == "det":
        steps[0] = {"type": "mmdet.LoadImageFromNDArray"}  # frames are in memory, not in files
    with default_scope("mmdet" if kind == "det" else "mmpose"):
        prepare = Compose(steps)
    if runtime == "onnx":
        made_of = json.dumps([files, config.model, EXPORTER, torch.__version__], sort_keys=True, default=str)
        name = f"{config_file.stem}-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}"
        runtime = "onnx" if accelerate(model, (folder or cache_folder() / "onnx") / name) else "torch"
    else:
        model.to(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    return Network(model, config, prepare, files, runtime)
