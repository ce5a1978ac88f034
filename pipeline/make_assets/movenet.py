"""Make the shipped MoveNet files: the same ONNX graphs, their weights stored as float16.

Every large float32 weight becomes a float16 initializer followed by a Cast to float32. onnxruntime folds the Cast when
it loads the file, so the network still computes in float32 (a float16 graph is several times slower on a CPU), and the
file is half as large. Inputs and outputs keep their names and types.

    python -m pipeline.make_assets.movenet movenet_thunder.onnx assets/movenet_thunder_fp16.onnx

The inputs are Google's MoveNet models (Apache-2.0, TensorFlow Hub / Kaggle, TF.js form) converted with tf2onnx.
Needs the package ``onnx`` (in the ``dev`` extra).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx

__all__ = ["store_weights_as_float16"]

_SMALLEST = 256  # values; biases and shape constants stay exact, they weigh nothing


def store_weights_as_float16(model: onnx.ModelProto) -> int:
    """Replace the large float32 weights of ``model`` in place by float16 ones with a Cast; return how many.

    Raises ValueError if a weight does not fit the range of float16.
    """
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < _SMALLEST:
            continue
        if np.abs(values).max() > np.finfo(np.float16).max:
            raise ValueError(f"weight {tensor.name} exceeds the range of float16; leave this model in float32")
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + "/float16"))
        casts.append(helper.make_node("Cast", [name + "/float16"], [name], name=name + "/cast", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return len(casts)


def main() -> None:
    """Command line: source file, destination file."""
    import onnx

    parser = argparse.ArgumentParser(description="Store the weights of an ONNX model as float16.")
    parser.add_argument("source", type=Path)
    parser.add_argument("destination", type=Path)
    arguments = parser.parse_args()
    model = onnx.load(str(arguments.source))
    if store_weights_as_float16(model) == 0:
        raise SystemExit(f"{arguments.source} holds no large float32 weights; is it the original model?")
    onnx.checker.check_model(model)
    onnx.save(model, str(arguments.destination))


if __name__ == "__main__":
    main()
