"""Models of MMDet and MMPose from their own configurations, with weights made here."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from assets.integrity import asset_path
from detectors.openmmlab.zoo import missing_packages
from pipeline.media.decode import read_frames

# Scores of one cell in twenty are high; distances to the sides of a box (RTMDet, in strides) are positive.
_LAST = (("rtm_cls", -2.5, 1.0), ("rtm_reg", 2.0, None), ("out_cls", -2.5, 1.0), ("out_bbox", 0.0, 0.1))

Kind = Literal["det", "pose"]
MakeCheckpoint = Callable[[str, Kind], Path]
LoadOnce = Callable[[str, Kind, Literal["onnx", "torch"]], Any]


@pytest.fixture(autouse=True, scope="session")
def needs_mmpose() -> None:
    """Tests of what the extra brings are skipped without it."""
    if missing_packages():
        pytest.skip("the extra mmpose is not installed: pip install -c constraints.txt -e '.[dev,mmpose]'")


@pytest.fixture(scope="session")
def frames() -> list[np.ndarray]:
    """Three frames of the sample clip, RGB: one person, 640x480."""
    return [frame.image for frame in read_frames(asset_path("sample.mp4"), stop_s=0.1)]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> MakeCheckpoint:
    """A file in OpenMMLab's format, with what theirs hold beside weights, for a configuration of the zoo."""
    made: dict[str, Path] = {}

    def make(name: str, kind: Kind) -> Path:
        if name not in made:
            made[name] = _write(name, kind, tmp_path_factory.mktemp("weights") / f"{name}.pth")
        return made[name]

    return make


@pytest.fixture(scope="session")
def loaded(checkpoint: MakeCheckpoint) -> LoadOnce:
    """Networks with those weights by configuration, kind and runtime, each built once for all tests."""
    from detectors.openmmlab.network import load_network
    from detectors.openmmlab.zoo import find_config

    return cache(
        lambda name, kind, runtime: load_network(find_config(name, kind), checkpoint(name, kind), kind, runtime=runtime)
    )


def _write(name: str, kind: Kind, path: Path) -> Path:
    import torch
    from mmengine.logging import HistoryBuffer

    from detectors.openmmlab.building import build_model
    from detectors.openmmlab.network import load_network
    from detectors.openmmlab.zoo import find_config

    model, _ = build_model(find_config(name, kind), kind)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data = torch.randn(parameter.shape, generator=generator) * parameter[0].numel() ** -0.5
    torch.save(model.state_dict(), path)
    network = load_network(find_config(name, kind), path, kind, runtime="torch")
    model, picture = network.model, _input(network)
    _normalise(model, picture)
    # The last layers: scores of which some are high, and numbers that a trained network could give.
    head = model.bbox_head if kind == "det" else getattr(model.head, "head_module", None)
    wanted = {layer: (mean, spread) for name, mean, spread in _LAST for layer in getattr(head, name, [])}
    if wanted:
        _scale(model, wanted, picture)
    torch.save(
        {
            "meta": {"epoch": np.int64(420), "dataset_meta": {"sigmas": np.ones(17)}},
            "message_hub": {"log_scalars": {"loss": HistoryBuffer(np.array([0.5, 0.4]), np.array([1, 1]))}},
            "state_dict": model.state_dict(),
        },
        path,
    )
    return path


def _input(network: Any) -> Any:
    """A frame as the network gets it, ``[1, 3, H, W]``."""
    import torch
    from mmengine.dataset import pseudo_collate

    box = {"bbox": np.array([[200, 90, 420, 460]], np.float32), "bbox_score": np.ones(1, np.float32)}
    frame = next(read_frames(asset_path("sample.mp4"), stop_s=0.1)).image
    sample = network.prepare({"img": frame[..., ::-1].copy(), "img_id": 0, **box})
    inputs = network.model.data_preprocessor(pseudo_collate([sample]), False)["inputs"]
    return torch.stack(inputs) if isinstance(inputs, list) else inputs


def _normalise(model: Any, picture: Any) -> None:
    """Set the batch normalisations so that signals neither die nor explode on their way.

    They stay small, where the activations are almost straight lines: an untrained network with large signals makes
    much of the last bit of a number, as a trained one does not.
    """
    import torch

    def follow(module: Any, inputs: tuple[Any, ...]) -> None:
        module.running_mean.zero_()
        module.running_var.fill_(100 * float(inputs[0].square().mean()))

    norms = [module for module in model.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    hooks = [module.register_forward_pre_hook(follow) for module in norms]
    with torch.no_grad():
        model._forward(picture)
    for hook in hooks:
        hook.remove()


def _scale(model: Any, wanted: dict[Any, tuple[float, float | None]], picture: Any) -> None:
    """Let what some layers say of a picture have a mean and a standard deviation (None: what it has)."""
    import torch

    seen: dict[Any, torch.Tensor] = {}
    hooks = [layer.register_forward_hook(lambda module, _, out: seen.update({module: out})) for layer in wanted]
    with torch.no_grad():
        model._forward(picture)
    for layer, out in seen.items():
        mean, spread = wanted[layer]
        scale = spread / float(out.std()) if spread else 1.0
        layer.weight.data *= scale
        layer.bias.data = (layer.bias.data - out.mean((0, 2, 3))) * scale + mean
    for hook in hooks:
        hook.remove()
