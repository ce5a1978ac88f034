"""IPO, the initial pose optimiser (ZeDO, section 3.2): where a pose must stand and face to fit its 2D keypoints."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lifting.geometry.rays import reprojection_error, solve_translation
from lifting.geometry.rotations import rotation_matrix

__all__ = ["grid_poses", "turned_poses"]

_YAWS, _ROLLS = 12, 9
_ROLL_STEP = math.pi / 8


def turned_poses(poses: Tensor) -> Tensor:
    """All turns: poses ``[S, J, 3]`` under 12 yaws and 9 rolls (-90 to 90 degrees), ``[12, 9 S, J, 3]``."""
    yaw = rotation_matrix("y", torch.arange(_YAWS, dtype=poses.dtype, device=poses.device) * (2 * math.pi / _YAWS))
    steps = torch.arange(_ROLLS, dtype=poses.dtype, device=poses.device) - _ROLLS // 2
    turn = rotation_matrix("z", steps * _ROLL_STEP)[None] @ yaw[:, None]
    return torch.einsum("yrab,sjb->yrsja", turn, poses).flatten(1, 2)


@torch.no_grad()
def grid_poses(poses: Tensor, rays: Tensor, confidence: Tensor, alternatives: int = 1) -> tuple[Tensor, Tensor]:
    """IPO without iterations: the translation in closed form for every pose, yaw and roll, and the best fit stays.

    Further alternatives face away from the first: 180, 90 and 270 degrees about the vertical, each with its best roll,
    pose and neighbouring yaw. These are the directions that a single view mixes up.

    Args:
        poses: ``[S, J, 3]`` template poses that face the camera.
        rays: ``[B, J, 3]``, z = 1.
        confidence: ``[B, J]``.
        alternatives: H, 1 to 4.

    Returns:
        ``x [H, B, J, 3]`` and ``T [H, B, 3]``.
    """
    if not 1 <= alternatives <= 4:
        raise ValueError(f"1 to 4 alternatives can be started, not {alternatives}")
    grid = turned_poses(poses)
    yaws, cells = grid.shape[:2]
    batch = len(confidence)
    x = grid.flatten(0, 1)[None]
    T = solve_translation(x, rays[:, None], (confidence**4)[:, None])
    # Metres at the depth of the person: a pose that fits because it is far away fits no better.
    error = (reprojection_error(x + T[..., None, :], rays[:, None]) * confidence[:, None]).mean(-1)
    error = (error * T[..., 2].clamp_min(0.5)).view(batch, yaws, cells)
    best, cell = error.min(dim=2)
    facing = best.argmin(dim=1, keepdim=True)
    quarter = yaws // 4
    turns = torch.tensor([0, 2, 1, 3], device=rays.device)[:alternatives] * quarter
    near = torch.arange(-(quarter // 2), quarter // 2 + 1, device=rays.device)
    # [B, H, near] yaw indices around each of the directions
    candidates = (facing[:, :, None] + turns[None, :, None] + near[None, None]) % yaws
    choice = best.gather(1, candidates.flatten(1)).view(candidates.shape).argmin(dim=2, keepdim=True)
    yaw = candidates.gather(2, choice).squeeze(2)
    index = yaw * cells + cell.gather(1, yaw)
    starts = grid.flatten(0, 1)[index]
    translations = T.gather(1, index[..., None].expand(-1, -1, 3))
    return starts.transpose(0, 1).contiguous(), translations.transpose(0, 1).contiguous()
