"""A model of MMPose or MMDet that is ready to predict."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from detectors.openmmlab.building import build_model, default_scope, load_weights
from detectors.openmmlab.cache import file_sha256
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

    def describe(self) -> dict[str, Any]:
        """For the record."""
        return {"files": self.files, "runtime": self.runtime}


def load_network(
    config_file: Path,
    weights_file: Path | None,
    kind: Literal["det", "pose"],
    *,
    runtime: Literal["onnx", "torch"] = "onnx",
    device: str = "cpu",
) -> Network:
    """Build the model of a configuration and load its weights.

    Args:
        config_file, weights_file: see ``detectors.openmmlab.zoo``; without weights the model has random ones.
        kind: what the configuration must describe.
        runtime: ``onnx`` exports the layers at their first use and keeps them in the cache folder; a model that cannot
            be split (``accelerate``) is run by PyTorch all the same.
        device: of ``torch``: ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises:
        NotInstalled: the extra cannot be imported.
        ModelError: the configuration is for something else, or the weights belong to another model.
    """
    import torch
    from mmengine.dataset import Compose

    model, config = build_model(config_file, kind)
    files = {config_file.name: file_sha256(config_file)}
    if weights_file is not None:
        load_weights(model, config_file, weights_file)
        files[weights_file.name] = file_sha256(weights_file)
    steps = [dict(step) for step in config.test_dataloader.dataset.pipeline]
    if kind == "det":
        steps[0] = {"type": "mmdet.LoadImageFromNDArray"}  # frames are in memory, not in files
    with default_scope("mmdet" if kind == "det" else "mmpose"):
        prepare = Compose(steps)
    if runtime == "onnx":
        made_of = json.dumps([files, config.model, EXPORTER, torch.__version__], sort_keys=True, default=str)
        exported = accelerate(model, f"{config_file.stem}-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}")
        runtime = "onnx" if exported else "torch"
    else:
        model.to(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    return Network(model, config, prepare, files, runtime)
