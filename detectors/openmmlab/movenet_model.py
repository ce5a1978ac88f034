"""MoveNet Thunder as a backbone and a head of MMPose, for ``configs/mmpose/movenet-thunder.py``.

MobileNetV2 of width 1.75 with a feature pyramid of stride 4 and four heads, as in the published network (Google,
Apache-2.0): where the middle of the person is, where each joint is as seen from there, a map of each joint and, for
each cell, how far the joint is from its corner. The convolutions are listed in the order of the shipped ONNX file, from
which their weights come (``movenet_weights``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from mmpose.models.heads.base_head import BaseHead
from mmpose.registry import MODELS
from torch import Tensor, nn

__all__ = ["MoveNetBackbone", "MoveNetHead"]

_JOINTS = 17
_STRIDE = 4
# Channels after each group of inverted residuals, how many there are, and the stride of the first of a group.
_GROUPS = ((40, 2, 2), (56, 3, 2), (112, 4, 2), (168, 3, 1), (280, 3, 2), (560, 1, 1))
_REGRESSION_OFFSET = 1.8  # cells; how fast a joint loses credit with the distance from where the middle expects it


class _Convolution(nn.Module):
    """A convolution padded as TensorFlow pads: with stride 2 the odd row and column are at the end."""

    def __init__(
        self, channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1, bias: bool = True
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, stride, groups=groups, bias=bias)
        around = kernel - stride if kernel > 1 else 0
        self.padding = (around // 2, around - around // 2) * 2

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(F.pad(x, self.padding))
        return y


class _Residual(nn.Module):
    """Inverted residual block: widen, filter each channel, narrow; the input is added where the shape is the same."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        wide = 6 * channels
        self.widen = _Convolution(channels, wide, 1)
        self.filter = _Convolution(wide, wide, 3, stride, groups=wide)
        self.narrow = _Convolution(wide, out, 1)
        self.adds = channels == out and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.narrow(F.relu6(self.filter(F.relu6(self.widen(x)))))
        return x + y if self.adds else y


class _Separable(nn.Module):
    """Each channel filtered, then mixed."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.filter = _Convolution(channels, channels, 3, groups=channels, bias=False)
        self.mix = _Convolution(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.mix(self.filter(x)))


@MODELS.register_module()
class MoveNetBackbone(BaseModule):
    """Pictures ``[N, 3, H, W]`` in RGB, 0..255, to features ``[N, 24, H / 4, W / 4]``."""

    def __init__(self, init_cfg: dict[str, Any] | None = None) -> None:
        super().__init__(init_cfg)
        self.first = _Convolution(3, 56, 3, 2)
        self.first_filter = _Convolution(56, 56, 3, groups=56)
        self.first_narrow = _Convolution(56, 32, 1)
        self.groups = nn.ModuleList()
        channels = 32
        for out, count, stride in _GROUPS:
            blocks = [_Residual(channels if i == 0 else out, out, stride if i == 0 else 1) for i in range(count)]
            self.groups.append(nn.Sequential(*blocks))
            channels = out
        self.last = _Convolution(channels, 1280, 1)
        self.top = _Convolution(1280, 64, 1)
        # From coarse to fine: features of the groups 2, 1 and 0 join in.
        self.lateral2, self.merge2 = _Convolution(112, 64, 1), _Separable(64, 32)
        self.lateral1, self.merge1 = _Convolution(56, 32, 1), _Separable(32, 24)
        self.lateral0, self.merge0 = _Convolution(40, 24, 1), _Separable(24, 24)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        x = F.relu6(self.first(x / 127.5 - 1.0))
        x = self.first_narrow(F.relu6(self.first_filter(x)))
        levels = []
        for group in self.groups:
            x = group(x)
            levels.append(x)
        y = self.top(F.relu6(self.last(x)))
        for lateral, merge, level in (
            (self.lateral2, self.merge2, levels[2]),
            (self.lateral1, self.merge1, levels[1]),
            (self.lateral0, self.merge0, levels[0]),
        ):
            y = F.interpolate(y, scale_factor=2.0, mode="bilinear", align_corners=False)
            y = merge(y + lateral(level))
        return (y,)


@MODELS.register_module()
class MoveNetHead(BaseHead):
    """Features of ``MoveNetBackbone`` to 17 COCO keypoints of the person in the middle."""

    def __init__(self, size: int = 256, init_cfg: dict[str, Any] | None = None) -> None:
        super().__init__(init_cfg)
        cells = size // _STRIDE
        self.register_buffer("centre_prior", torch.ones(cells, cells))
        branches = {"regression": 2 * _JOINTS, "offset": 2 * _JOINTS, "heatmap": _JOINTS, "centre": 1}
        self.branches = nn.ModuleDict(
            {name: nn.Sequential(_Separable(24, 96), _Convolution(96, out, 1)) for name, out in branches.items()}
        )

    def forward(self, feats: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Regression ``[N, 34, h, w]``, offset likewise (y before x, in cells), heatmap ``[N, 17, h, w]``, centre."""
        return tuple(branch(feats[-1]) for branch in self.branches.values())

    def loss(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Refused: this head brings its weights along."""
        raise NotImplementedError("MoveNet cannot be trained here")

    def predict(
        self, feats: Any, batch_data_samples: Sequence[Any], test_cfg: dict[str, Any] | None = None
    ) -> list[InstanceData]:
        """Keypoints ``[1, 17, 2]`` in pixels of the input and their scores, for each sample."""
        if (test_cfg or {}).get("flip_test"):
            points, scores = self._decode(self.forward(feats[0]))
            mirrored, mirrored_scores = self._decode(self.forward(feats[1]))
            flip = batch_data_samples[0].metainfo["flip_indices"]
            width = _STRIDE * self.centre_prior.shape[-1]
            mirrored = mirrored[:, flip]
            mirrored[..., 0] = width - mirrored[..., 0]
            points, scores = (points + mirrored) / 2, (scores + mirrored_scores[:, flip]) / 2
        else:
            points, scores = self._decode(self.forward(feats))
        return [
            InstanceData(keypoints=p[None].cpu().numpy(), keypoint_scores=s[None].cpu().numpy())
            for p, s in zip(points, scores, strict=True)
        ]

    def _decode(self, outputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Points ``[N, 17, 2]`` px and scores ``[N, 17]``: of each joint's map the peak, near where the middle says."""
        regression, offset, heatmap, centre = outputs
        n, _, rows, columns = heatmap.shape
        picture, joint = torch.arange(n)[:, None], torch.arange(_JOINTS)[None]
        heat = heatmap.sigmoid()
        middle = (centre.sigmoid()[:, 0] * self.centre_prior).flatten(1).argmax(1)
        y0, x0 = middle // columns, middle % columns
        expected = regression.view(n, _JOINTS, 2, rows, columns)[torch.arange(n), :, :, y0, x0]
        expected = expected + torch.stack([y0, x0], dim=-1)[:, None]
        grid = torch.stack(torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij"))
        distance = (grid - expected[..., None, None]).square().sum(dim=2).sqrt()
        peak = (heat / (distance + _REGRESSION_OFFSET)).flatten(2).argmax(2)
        y, x = peak // columns, peak % columns
        shift = offset.view(n, _JOINTS, 2, rows, columns)[picture, joint, :, y, x]
        points = torch.stack([x + shift[..., 1], y + shift[..., 0]], dim=-1) * _STRIDE
        return points, heat[picture, joint, y, x]
