"""A network exported to ONNX once and run by onnxruntime, inside its own model of MMPose or MMDet."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detectors.openmmlab.cache import cache_folder
from detectors.openmmlab.errors import ModelError

if TYPE_CHECKING:
    import onnxruntime
    import torch

__all__ = ["EXPORTER", "accelerate", "threads"]

#: Part of the name of an exported file; raised when networks must be exported anew.
EXPORTER = 1
_OPSET = 17


def accelerate(model: Any, name: str) -> bool:
    """Let onnxruntime run the layers of a model; preparing pictures and reading the outputs stay with the model.

    The layers are exported at the first picture of each size, into the cache folder, and from then on loaded.

    Args:
        model: changed in place.
        name: of the files; must tell models and weights apart.
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
    layers = _layers(model.extract_feat, head.forward, model)
    # These models predict by extract_feat and head.forward alone: the first now does the work of both.
    model.extract_feat = _Exported(layers, name)
    head.forward = _unchanged
    return True


def threads() -> int:
    """How many threads a network may use: the cores of this process, or what ``OMP_NUM_THREADS`` says."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, int(told))) if told.isdecimal() else cores


class _Exported:
    """Takes the place of ``extract_feat``: pictures ``[N, 3, H, W]`` to what the head says of them."""

    def __init__(self, layers: Any, name: str) -> None:
        self._layers = layers
        self._name = name
        self._sessions: dict[tuple[int, ...], tuple[onnxruntime.InferenceSession, Any]] = {}

    def __call__(self, inputs: torch.Tensor) -> Any:
        import torch

        size = tuple(inputs.shape[1:])
        if size not in self._sessions:
            # The exporter cannot trace tensors of inference mode, in which prediction runs.
            with torch.inference_mode(False), torch.no_grad():
                self._sessions[size] = self._open(size)
        session, structure = self._sessions[size]
        outputs = session.run(None, {"inputs": inputs.numpy()})
        return _rebuilt(structure, iter([torch.from_numpy(output) for output in outputs]))

    def _open(self, size: tuple[int, ...]) -> tuple[onnxruntime.InferenceSession, Any]:
        """The session for pictures of a size, and an output of the layers whose structure all others have."""
        import torch

        path = cache_folder() / "onnx" / f"{self._name}-{'x'.join(map(str, size[1:]))}.onnx"
        # Two pictures: with one, the exporter may take the number of pictures for a constant.
        example = torch.randn((2, *size), generator=torch.Generator().manual_seed(0))
        structure = self._layers.nested(example)
        if path.is_file():
            try:
                if _agrees(session := _session(path), example, structure):
                    return session, structure
            except Exception:  # onnxruntime has no public class for what a damaged file raises
                path.unlink(missing_ok=True)
        self._export(example, path)
        session = _session(path)
        if not _agrees(session, example, structure):
            path.unlink(missing_ok=True)
            raise ModelError(f"{self._name} says something else once exported to ONNX; use --runtime torch")
        return session, structure

    def _export(self, example: torch.Tensor, path: Path) -> None:
        import torch

        names = [f"output{i}" for i, _ in enumerate(self._layers(example))]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".part")
            os.close(handle)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # tracing warns of every Python number in the layers
                    torch.onnx.export(
                        self._layers,
                        (example,),
                        partial,
                        input_names=["inputs"],
                        output_names=names,
                        opset_version=_OPSET,
                        dynamic_axes={key: {0: "batch"} for key in ("inputs", *names)},
                        dynamo=False,
                    )
                Path(partial).replace(path)
            finally:
                Path(partial).unlink(missing_ok=True)
        except Exception as error:  # an operator that ONNX lacks, a full disk
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise ModelError(f"{self._name} cannot be exported to ONNX ({reason}); use --runtime torch") from error


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
            return tuple(_tensors(self.nested(inputs)))

    return Layers().eval()


def _unchanged(features: Any) -> Any:
    return features


def _agrees(session: onnxruntime.InferenceSession, example: torch.Tensor, structure: Any) -> bool:
    """Whether onnxruntime says what PyTorch said, to a ten-thousandth of the largest value."""
    import numpy as np

    outputs = session.run(None, {"inputs": example.numpy()})
    expected = [tensor.numpy() for tensor in _tensors(structure)]
    return len(outputs) == len(expected) and all(
        a.shape == b.shape and np.allclose(a, b, rtol=0, atol=1e-4 * max(1.0, float(np.abs(b).max())))
        for a, b in zip(outputs, expected, strict=True)
    )


def _session(path: Path) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that wait by spinning take the cores from everybody else on a busy machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    """The tensors in nested tuples and lists, in order; None is no tensor."""
    if isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)
    elif value is not None:
        yield value


def _rebuilt(structure: Any, tensors: Iterator[torch.Tensor]) -> Any:
    """Tensors in the nesting of ``structure``."""
    if isinstance(structure, tuple | list):
        return type(structure)(_rebuilt(item, tensors) for item in structure)
    return None if structure is None else next(tensors)
