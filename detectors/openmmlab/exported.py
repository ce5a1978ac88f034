"""A network exported to ONNX once and run by onnxruntime, inside its own model of MMPose or MMDet."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detectors.openmmlab.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime
    import torch
    from numpy.typing import NDArray

__all__ = ["EXPORTER", "accelerate", "threads"]

#: Part of the name of an exported file; raised when networks must be exported anew.
EXPORTER = 1
_OPSET = 17
_INPUT = "pictures"


def accelerate(model: Any, stem: Path) -> bool:
    """Let onnxruntime run the layers of a model; preparing pictures and reading the outputs stay with the model.

    The layers are exported at the first picture of each size, and from then on loaded.

    Args:
        model: changed in place.
        stem: folder and beginning of the name of the files; must tell models and weights apart.
    Returns:
        False if the model is of a kind that cannot be split this way, and was left as it was: two-stage detectors, and
        bottom-up models other than RTMO and YOLOX-Pose.
    """
    from mmdet.models import SingleStageDetector
    from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
    from mmpose.models.heads.hybrid_heads.yoloxpose_head import YOLOXPoseHead
    from mmpose.models.pose_estimators import TopdownPoseEstimator

    head: Any = model.bbox_head if isinstance(model, SingleStageDetector) else getattr(model, "head", None)
    if not isinstance(head, BaseDenseHead | YOLOXPoseHead) and not isinstance(model, TopdownPoseEstimator):
        return False
    neck: Any = getattr(model, "neck", None)
    if hasattr(neck, "switch_to_deploy"):
        neck.switch_to_deploy(model.test_cfg)  # RTMO: position encodings become constants
    layers = _layers(model.extract_feat, head.forward, model)
    # These models predict by extract_feat and head.forward alone: the first now does the work of both.
    model.extract_feat = _Exported(layers, stem)
    head.forward = _unchanged
    return True


def threads() -> int:
    """How many threads a network may use: the cores of this process, or what ``OMP_NUM_THREADS`` says."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, int(told))) if told.isdecimal() else cores


class _Exported:
    """Takes the place of ``extract_feat``: pictures ``[N, 3, H, W]`` to what the head says of them."""

    def __init__(self, layers: Any, stem: Path) -> None:
        self._layers = layers
        self._stem = stem
        self._sessions: dict[tuple[int, ...], onnxruntime.InferenceSession] = {}

    def __call__(self, inputs: torch.Tensor) -> Any:
        import torch

        size = tuple(inputs.shape[1:])
        if size not in self._sessions:
            # The exporter cannot trace tensors of inference mode, in which prediction runs.
            with torch.inference_mode(False), torch.no_grad():
                self._sessions[size] = self._open(size)
        session = self._sessions[size]
        outputs = session.run(None, {_INPUT: inputs.numpy()})
        names = [output.name for output in session.get_outputs()]
        return _nested({name: torch.from_numpy(value) for name, value in zip(names, outputs, strict=True)})

    def _open(self, size: tuple[int, ...]) -> onnxruntime.InferenceSession:
        path = self._stem.with_name(f"{self._stem.name}-{'x'.join(map(str, size[1:]))}.onnx")
        if path.is_file():
            try:
                return _session(path)
            except Exception:  # onnxruntime has no public class for what a damaged file raises
                path.unlink(missing_ok=True)
        return self._export(size, path)

    def _export(self, size: tuple[int, ...], path: Path) -> onnxruntime.InferenceSession:
        """Write the file; it gets its name when onnxruntime has said of an example what PyTorch said."""
        import torch

        # Two pictures: with one, the exporter may take the number of pictures for a constant.
        example = torch.randn((2, *size), generator=torch.Generator().manual_seed(0))
        partial: str | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".part")
            os.close(handle)
            expected = _flat(self._layers.nested(example))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # tracing warns of every Python number in the layers
                torch.onnx.export(
                    self._layers,
                    (example,),
                    partial,
                    input_names=[_INPUT],
                    output_names=list(expected),
                    opset_version=_OPSET,
                    dynamic_axes={name: {0: "batch"} for name in (_INPUT, *expected)},
                    dynamo=False,
                )
            outputs = _session(Path(partial)).run(list(expected), {_INPUT: example.numpy()})
            if not all(_agree(a, b.numpy()) for a, b in zip(outputs, expected.values(), strict=True)):
                raise ValueError("the outputs differ")
            Path(partial).replace(path)
        except Exception as error:  # an operator that ONNX lacks, a full disk
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise ModelError(f"{self._stem.name} cannot be exported to ONNX ({reason}); use --runtime torch") from error
        finally:
            if partial is not None:
                Path(partial).unlink(missing_ok=True)
        return _session(path)


def _layers(features: Any, head: Any, model: Any) -> Any:
    """Backbone, neck and head of a model as one module, by the methods it has now; ``nested`` keeps the structure."""
    import torch

    class Layers(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model  # so that the exporter finds the weights

        def nested(self, inputs: torch.Tensor) -> Any:
            return head(features(inputs))

        def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return tuple(_flat(self.nested(inputs)).values())

    return Layers().eval()


def _unchanged(features: Any) -> Any:
    return features


def _agree(a: NDArray[np.floating], b: NDArray[np.floating]) -> bool:
    """Whether two outputs are the same to a thousandth of the largest value: a wrong export is another network."""
    import numpy as np

    return a.shape == b.shape and np.allclose(a, b, rtol=0, atol=1e-3 * max(1.0, float(np.abs(b).max())))


def _session(path: Path) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that wait by spinning take the cores from everybody else on a busy machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _flat(value: Any, name: str = "output") -> dict[str, torch.Tensor]:
    """The tensors in nested tuples and lists by place: ``output/1of3/0of2`` is the first of two in the second."""
    if isinstance(value, tuple | list):
        parts = [_flat(item, f"{name}/{i}of{len(value)}") for i, item in enumerate(value)]
        return {key: tensor for part in parts for key, tensor in part.items()}
    return {} if value is None else {name: value}


def _nested(tensors: dict[str, torch.Tensor], name: str = "output") -> Any:
    """The inverse of ``_flat``, with tuples for lists and None where there was no tensor."""
    if name in tensors:
        return tensors[name]
    inside = [key.removeprefix(f"{name}/") for key in tensors if key.startswith(f"{name}/")]
    if not inside:
        return None
    count = int(inside[0].partition("/")[0].partition("of")[2])
    return tuple(_nested(tensors, f"{name}/{i}of{count}") for i in range(count))
