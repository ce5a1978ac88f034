"""IPO, the initial pose optimiser (ZeDO, section 3.2): where a pose must stand and face to fit its 2D keypoints."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lifting.geometry import project_to_plane, reprojection_error, solve_translation

__all__ = ["adam_start", "grid_start", "quaternion_matrix", "rotation_by", "rotation_matrix", "turned_poses"]

_YAWS, _ROLLS = 12, 9
_ROLL_STEP = math.pi / 8


def rotation_matrix(axis: str, angle: Tensor) -> Tensor:
    """Rotation about a camera axis, ``"x"``, ``"y"``, ``"z"``: ``[...]`` radians -> ``[..., 3, 3]``, as ``R p``."""
    cos, sin, one, zero = angle.cos(), angle.sin(), torch.ones_like(angle), torch.zeros_like(angle)
    rows = {
        "x": (one, zero, zero, zero, cos, -sin, zero, sin, cos),
        "y": (cos, zero, sin, zero, one, zero, -sin, zero, cos),
        "z": (cos, -sin, zero, sin, cos, zero, zero, zero, one),
    }[axis]
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def turned_poses(poses: Tensor) -> Tensor:
    """All starts: poses ``[S, J, 3]`` under 12 yaws and 9 rolls (-90 to 90 degrees), ``[12, 9 S, J, 3]``."""
    yaw = rotation_matrix("y", torch.arange(_YAWS, dtype=poses.dtype, device=poses.device) * (2 * math.pi / _YAWS))
    steps = torch.arange(_ROLLS, dtype=poses.dtype, device=poses.device) - _ROLLS // 2
    turn = rotation_matrix("z", steps * _ROLL_STEP)[None] @ yaw[:, None]
    return torch.einsum("yrab,sjb->yrsja", turn, poses).flatten(1, 2)


@torch.no_grad()
def grid_start(poses: Tensor, rays: Tensor, confidence: Tensor, hypotheses: int = 1) -> tuple[Tensor, Tensor]:
    """Starts without iterations: the translation in closed form for every pose, yaw and roll, and the best fit stays.

    Further hypotheses face away from the first: 180, 90 and 270 degrees about the vertical, each with its best roll,
    pose and neighbouring yaw. These are the directions that a single view mixes up.

    Args:
        poses: ``[S, J, 3]`` starting poses that face the camera.
        rays: ``[B, J, 3]``, z = 1.
        confidence: ``[B, J]``.
        hypotheses: H, 1 to 4.

    Returns:
        ``x [H, B, J, 3]`` and ``T [H, B, 3]``.
    """
    if not 1 <= hypotheses <= 4:
        raise ValueError(f"1 to 4 hypotheses can be started, not {hypotheses}")
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
    turns = torch.tensor([0, 2, 1, 3], device=rays.device)[:hypotheses] * quarter
    near = torch.arange(-(quarter // 2), quarter // 2 + 1, device=rays.device)
    # [B, H, near] yaw indices around each of the directions
    candidates = (facing[:, :, None] + turns[None, :, None] + near[None, None]) % yaws
    choice = best.gather(1, candidates.flatten(1)).view(candidates.shape).argmin(dim=2, keepdim=True)
    yaw = candidates.gather(2, choice).squeeze(2)
    index = yaw * cells + cell.gather(1, yaw)
    starts = grid.flatten(0, 1)[index]
    translations = T.gather(1, index[..., None].expand(-1, -1, 3))
    return starts.transpose(0, 1).contiguous(), translations.transpose(0, 1).contiguous()


def adam_start(
    poses: Tensor,
    rays: Tensor,
    confidence: Tensor,
    *,
    joints: tuple[int, ...],
    axes: str,
    distance_m: float,
    distance_scale: tuple[float, float],
    steps: int = 500,
    learning_rate: float = 0.1,
) -> tuple[Tensor, Tensor]:
    """The published start: a rotation about given axes and the distance of the pelvis, by Adam on the L1 reprojection.

    The rotation is a quaternion of which the real part and the parts of the free axes are optimised. The pelvis stays
    on its ray at ``scale * distance_m`` from the camera, with the scale held within its bounds. Joints that were not
    seen do not count; the published protocol has none of them.

    Args:
        poses: ``[B, J, 3]`` or ``[1, J, 3]`` root-centred starting poses, metres.
        rays: ``[B, J, 3]``, z = 1; the first joint is the pelvis.
        confidence: ``[B, J]``.
        joints: which joints the error is taken over.
        axes: rotation axes that are free, for example ``"z"`` or ``"xyz"``.
        distance_m: initial distance of the pelvis.
        distance_scale: bounds of the factor on it.
        steps, learning_rate: of Adam (500 and 0.1 as published).

    Returns:
        ``x [B, J, 3]`` and ``T [B, 3]``.
    """
    batch, device = len(rays), rays.device
    chosen = torch.tensor(joints, device=device)
    poses = poses.expand(batch, -1, -1)
    towards = torch.nn.functional.normalize(rays[:, 0], dim=-1) * distance_m
    target, seen = rays[:, chosen, :2], (confidence[:, chosen] > 0).to(rays.dtype)
    free = torch.tensor([True, *(axis in axes for axis in "xyz")], device=device)
    with torch.enable_grad():
        quaternion = torch.tensor([1.0, 0.0, 0.0, 0.0], device=device).repeat(batch, 1).requires_grad_()
        scale = torch.ones(batch, 1, device=device, requires_grad=True)
        optimiser = torch.optim.Adam([quaternion, scale], lr=learning_rate)

        def placed(which: Tensor) -> tuple[Tensor, Tensor]:
            rotation = quaternion_matrix(torch.where(free, quaternion, 0.0))
            return which @ rotation.transpose(-1, -2), scale.clamp(*distance_scale) * towards

        judged = poses[:, chosen]
        for _ in range(steps):
            x, T = placed(judged)
            gap = (project_to_plane(x + T[:, None]) - target).abs().sum(-1) * seen
            # The sum over poses keeps them independent of each other.
            loss = gap.sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        x, T = placed(poses)
    return x.detach(), T.detach()


def quaternion_matrix(quaternion: Tensor) -> Tensor:
    """Rotations ``[..., 3, 3]`` of quaternions ``[..., 4]`` (real part first, any length)."""
    w, x, y, z = torch.nn.functional.normalize(quaternion, dim=-1).unbind(-1)
    rows = (
        1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
        2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
        2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y),
    )  # fmt: skip
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def rotation_by(vector: Tensor) -> Tensor:
    """Rotations ``[..., 3, 3]`` about vectors ``[..., 3]`` by their lengths in radians."""
    angle = vector.norm(dim=-1, keepdim=True)
    return quaternion_matrix(torch.cat([(angle / 2).cos(), 0.5 * torch.sinc(angle / (2 * math.pi)) * vector], dim=-1))
