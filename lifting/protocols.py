"""The published optimiser as data sets are measured with it: where poses start, and all hypotheses that come of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from lifting.infants import InfantProtocol, lift_infants
from lifting.ipo import adam_start
from lifting.network import ScoreNetwork
from lifting.oil import optimise
from lifting.schedule import reference_schedule

__all__ = ["Protocol", "lift_reference"]


@dataclass(frozen=True)
class Protocol:
    """How the published optimiser begins (ZeDO, section 4.1); the defaults are those for 3DPW.

    Attributes:
        joints: which joints decide rotation and distance of the start; None is all.
        axes: camera axes about which the start is turned.
        distance_m: of the pelvis, along its ray.
        distance_scale: bounds of the factor on it.
        frozen: share of the steps with fixed translation.
        from_rays: begin flat on the rays at the distance that was found, not with the turned pose: the protocol of
            infants (``lifting.infants``), which takes all joints and axes.
    """

    joints: tuple[int, ...] | None = None
    axes: str = "z"
    distance_m: float = 8.0
    distance_scale: tuple[float, float] = (0.2, 2.0)
    frozen: float = 0.2
    from_rays: bool = False


def lift_reference(
    network: ScoreNetwork,
    protocol: Protocol,
    poses: Tensor,
    rays: Tensor,
    confidence: Tensor,
    *,
    steps: int = 1000,
    batch_rows: int = 300,
    on_progress: Callable[[int], None] | None = None,
) -> Tensor:
    """One result per starting pose: absolute joints ``[S, B, J, 3]``, metres, camera axes.

    Args:
        network: prior of J joints, on the device of everything else.
        protocol: where it starts.
        poses: ``[S, J, 3]`` root-centred starting poses, metres, camera axes.
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
    network: ScoreNetwork, protocol: Protocol, pose: Tensor, rays: Tensor, confidence: Tensor, steps: int
) -> Tensor:
    if protocol.from_rays:
        infant = InfantProtocol(protocol.distance_m, protocol.distance_scale, steps, protocol.frozen)
        return lift_infants(network, pose, rays, confidence, infant)
    x, T = adam_start(
        pose[None], rays, confidence,
        joints=protocol.joints or tuple(range(len(pose))), axes=protocol.axes,
        distance_m=protocol.distance_m, distance_scale=protocol.distance_scale,
    )  # fmt: skip
    # Rounded down as published: a fifth of 14 steps are 2.
    schedule = replace(reference_schedule(steps), frozen=math.floor(protocol.frozen * steps + 1e-9))
    x, T = optimise(network, schedule, x, T, rays, confidence)
    return x + T[:, None]
