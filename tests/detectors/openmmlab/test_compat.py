"""The compatibility layer: what it replaces today, and that it steps aside. It is to shrink when upstream changes."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from types import ModuleType

import numpy as np
import pytest

from detectors.openmmlab import compat


def outcome(code: str) -> str:
    """The last line that a process of its own prints on standard error, or "fine"."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    return "fine" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


@pytest.mark.slow
def test_what_is_replaced_is_what_does_not_work() -> None:
    # If one of these begins to work, its stand-in in compat.py can go.
    assert "No module named 'mmcv._ext'" in outcome("import mmcv._ext")
    assert "numpy.dtype size changed" in outcome("import xtcocotools.mask")
    assert compat.install() == compat.install() == ["mmcv._ext", "xtcocotools"]


@pytest.mark.slow
def test_mmdet_and_mmpose_need_all_of_it_and_nothing_else() -> None:
    imports = "import mmdet.models, mmdet.datasets.transforms, mmpose.models, mmpose.datasets.transforms"
    assert outcome(imports) != "fine"
    layer = "from detectors.openmmlab import compat; compat.install(); "
    assert outcome(layer + imports + "; import sys; assert 'torchvision' not in sys.modules") == "fine"
    for name in ("mmcv._ext", "xtcocotools"):
        without = f"import sys; [sys.modules.pop(n) for n in list(sys.modules) if n.startswith({name!r})]; "
        assert outcome(layer + without + imports) != "fine"


def test_the_versions_are_those_that_the_layer_was_written_for() -> None:
    found = {name: version(name) for name in ("mmpose", "mmdet", "mmengine", "mmcv-lite")}
    assert found == {"mmpose": "1.3.2", "mmdet": "3.3.0", "mmengine": "0.10.7", "mmcv-lite": "2.1.0"}


def test_what_works_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    real = {name: ModuleType(name) for name in ("mmcv._ext", "xtcocotools", "xtcocotools.mask")}
    for name, module in real.items():
        monkeypatch.setitem(sys.modules, name, module)
    assert compat.install() == []
    assert all(sys.modules[name] is module for name, module in real.items())


@pytest.mark.slow
def test_suppression_keeps_the_best_of_overlapping_boxes() -> None:
    import torch

    compat.install()
    from mmcv.ops import batched_nms

    boxes = torch.tensor([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [0, 0, 10, 9.0]])
    scores = torch.tensor([0.6, 0.9, 0.5, 0.7])
    assert compat.nms(boxes, scores, 0.5).tolist() == [1, 2]
    assert compat.nms(boxes, scores, 0.85).tolist() == [1, 3, 2]
    assert compat.nms(boxes[:0], scores[:0], 0.5).tolist() == []
    kept = batched_nms(boxes, scores, torch.tensor([0, 1, 0, 0]), {"type": "nms", "iou_threshold": 0.5})[1]
    assert kept.tolist() == [1, 3, 2]


def test_suppression_is_that_of_its_definition() -> None:
    import torch

    rng = np.random.default_rng(0)
    corner, size = rng.uniform(0, 50, (60, 2)), rng.uniform(5, 30, (60, 2))
    boxes, scores = np.hstack([corner, corner + size]), rng.permutation(60) / 60

    def overlap(a: np.ndarray, b: np.ndarray) -> float:
        sides = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
        shared = sides.prod()
        return float(shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared))

    kept: list[int] = []
    for i in np.argsort(-scores):
        if all(overlap(boxes[i], boxes[j]) <= 0.3 for j in kept):
            kept.append(int(i))
    assert 5 < len(kept) < 50
    assert compat.nms(torch.from_numpy(boxes), torch.from_numpy(scores), 0.3).tolist() == kept


@pytest.mark.slow
def test_other_operators_can_be_imported_and_say_what_is_missing() -> None:
    import torch

    compat.install()
    from mmcv.ops import RoIAlign

    with pytest.raises(NotImplementedError, match="roi_align"):
        RoIAlign((2, 2))(torch.zeros(1, 1, 8, 8), torch.zeros(1, 5))
