"""The weights of the shipped MoveNet Thunder, from its ONNX file to names of the model in ``movenet_model``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from detectors.openmmlab.errors import ModelError

if TYPE_CHECKING:
    import torch

__all__ = ["movenet_weights"]


def movenet_weights(path: Path) -> dict[str, torch.Tensor]:
    """A state_dict of MoveNet Thunder.

    The convolutions of the file stand in the order in which they are computed, which is the order in which the model
    lists its own; where a shape differs, it is another network.

    Raises ModelError if the file holds another network.
    """
    import numpy as np
    import onnx
    import torch
    from onnx import numpy_helper

    from detectors.openmmlab.movenet_model import MoveNetBackbone, MoveNetHead

    wrong = ModelError(f"{path.name} is not the shipped MoveNet Thunder, the only ONNX file that can be weights")
    try:
        graph = onnx.load(path).graph
    except Exception as error:  # protobuf has no public class for what a damaged file raises
        raise wrong from error
    values = {tensor.name: numpy_helper.to_array(tensor).astype(np.float32) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in values:  # stored in half precision
            values[node.output[0]] = values[node.input[0]]
    modules: dict[str, torch.nn.Module] = {"backbone": MoveNetBackbone(), "head": MoveNetHead()}
    wanted = [
        (f"{role}.{name}", layer)
        for role, module in modules.items()
        for name, layer in module.named_modules()
        if isinstance(layer, torch.nn.Conv2d)
    ]
    stored = [node for node in graph.node if node.op_type == "Conv"]
    if len(stored) != len(wanted) or _PRIOR not in values:
        raise wrong
    weights = {"head.centre_prior": torch.from_numpy(values[_PRIOR][..., 0].copy())}
    for node, (name, layer) in zip(stored, wanted, strict=True):
        parts = {"weight": layer.weight} | ({"bias": layer.bias} if layer.bias is not None else {})
        for (part, target), source in zip(parts.items(), list(node.input)[1:], strict=True):
            if source not in values or values[source].shape != tuple(target.shape):
                raise wrong
            weights[f"{name}.{part}"] = torch.from_numpy(values[source].copy())
    return weights


# How much a centre counts by where in the picture it is.
_PRIOR = "ConstantFolding/StatefulPartitionedCall/truediv_2_recip:0"
