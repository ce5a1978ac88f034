"""The published optimiser as data sets are measured with it: where poses start, and all hypotheses that come of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lifting.body.infants import root_of
from lifting.geometry.rays import project_to_plane
from lifting.geometry.rotations import quaternion_matrix
from lifting.optimise.loop import optimise
from lifting.optimise.schedule import reference_schedule
from lifting.prior.network import ScoreNetwork

__all__ = ["MINI_RGBD", "SYRIP", "InfantProtocol", "PublishedIPO", "adam_ipo", "lift_infants", "lift_reference"]


@dataclass(frozen=True)
class PublishedIPO:
    """How the published optimiser begins (ZeDO, section 4.1); the defaults are those for 3DPW.

    Attributes:
        joints: which joints decide rotation and distance of the start; None is all.
        axes: camera axes about which the start is turned.
        distance_m: of the pelvis, along its ray.
        distance_scale: bounds of the factor on it.
        frozen: share of the steps with fixed translation.
        from_rays: begin flat on the rays at the distance that was found, not with the turned pose: the protocol of
            infants (``lifting.body.infants``), which takes all joints and axes.
    """

    joints: tuple[int, ...] | None = None
    axes: str = "z"
    distance_m: float = 8.0
    distance_scale: tuple[float, float] = (0.2, 2.0)
    frozen: float = 0.2
    from_rays: bool = False


def lift_reference(
    network: ScoreNetwork,
    protocol: PublishedIPO,
    poses: Tensor,
    rays: Tensor,
    confidence: Tensor,
    *,
    steps: int = 1000,
    batch_rows: int = 300,
    on_progress: Callable[[int], None] | None = None,
) -> Tensor:
    """One result per template pose: absolute joints ``[S, B, J, 3]``, metres, camera axes.

    Args:
        network: prior of J joints, on the device of everything else.
        protocol: where it starts.
        poses: ``[S, J, 3]`` root-centred template poses, metres, camera axes.
        rays: ``[B, J, 3]`` directions with z = 1; finite also where nothing was seen.
        confidence: ``[B, J]`` in 0..1.
        steps: of the optimiser.
        batch_rows: most poses that are optimised at once, which bounds the memory.
        on_progress: called with the number of results done, S x B in the end.
    """
    found = rays.new_empty((len(poses), *rays.shape))
    done = 0
    for index, pose in enumerate(poses):
        for first in range(0, len(rays), batch_rows):
            rows = slice(first, first + batch_rows)
            found[index, rows] = _lift(network, protocol, pose, rays[rows], confidence[rows], steps)
            done += len(rays[rows])
            if on_progress is not None:
                on_progress(done)
    return found


def _lift(
    network: ScoreNetwork, protocol: PublishedIPO, pose: Tensor, rays: Tensor, confidence: Tensor, steps: int
) -> Tensor:
    if protocol.from_rays:
        infant = InfantProtocol(protocol.distance_m, protocol.distance_scale, steps, protocol.frozen)
        return lift_infants(network, pose, rays, confidence, infant)
    x, T = adam_ipo(
        pose[None], rays, confidence,
        joints=protocol.joints or tuple(range(len(pose))), axes=protocol.axes,
        distance_m=protocol.distance_m, distance_scale=protocol.distance_scale,
    )  # fmt: skip
    # Rounded down as published: a fifth of 14 steps are 2.
    schedule = replace(reference_schedule(steps), frozen=math.floor(protocol.frozen * steps + 1e-9))
    x, T = optimise(network, schedule, x, T, rays, confidence)
    return x + T[:, None]


@dataclass(frozen=True)
class InfantProtocol:
    """Values that differ between the datasets.

    Attributes:
        distance_m: of the pelvis at the start.
        distance_scale: bounds of the factor on it.
        steps: of the optimiser.
        frozen: share of the steps with fixed translation.
    """

    distance_m: float = 1.0
    distance_scale: tuple[float, float] = (0.0, 4.0)
    steps: int = 1000
    frozen: float = 0.95


MINI_RGBD = InfantProtocol()
SYRIP = InfantProtocol(distance_scale=(0.5, 8.0))


def lift_infants(
    network: ScoreNetwork,
    start: Tensor,
    rays: Tensor,
    confidence: Tensor,
    protocol: InfantProtocol = MINI_RGBD,
    *,
    size: float = 1.0,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Absolute joints ``[B, J, 3]`` in metres, camera axes.

    Args:
        network: prior of 17 or 12 joints, with or without control branch.
        start: ``[J, 3]`` a root-centred infant, in camera axes: what the distance is measured with.
        rays: ``[B, J, 3]`` directions with z = 1.
        confidence: ``[B, J]`` in 0..1.
        protocol: values of the dataset.
        size: how many times larger the bodies that the prior knows are; 2.8 for a prior of adults.
        dtype: arithmetic of the matrix products.
    """
    root = root_of(rays)
    # The start wants the root first; among 12 joints there is none, so it comes in front of them.
    aim = torch.cat([root, rays], dim=1)
    trust = torch.cat([torch.ones_like(confidence[:, :1]), confidence], dim=1)
    body = size * torch.cat([torch.zeros_like(start[:1]), start - root_of(start)])[None]
    _, T = adam_ipo(
        body, aim, trust,
        joints=tuple(range(1, aim.shape[1])), axes="xyz",
        distance_m=size * protocol.distance_m, distance_scale=protocol.distance_scale,
    )  # fmt: skip
    x = (rays - root) * T[:, None, 2:]
    schedule = reference_schedule(protocol.steps)
    schedule = replace(schedule, frozen=round(protocol.frozen * protocol.steps))
    x, T = optimise(network, schedule, x, T, rays, confidence, dtype=dtype)
    return (x + T[:, None]) / size


def adam_ipo(
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
        poses: ``[B, J, 3]`` or ``[1, J, 3]`` root-centred template poses, metres.
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
