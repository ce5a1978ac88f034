"""The published optimiser: IPO by Adam, then OIL in a thousand steps, every frame for itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from lifting.body.infants import root_of
from lifting.evidence import Evidence
from lifting.geometry.rays import project_to_plane
from lifting.geometry.rotations import quaternion_matrix
from lifting.optimise.loop import Denoiser, State, optimise
from lifting.optimise.schedule import Schedule, reference_schedule
from lifting.optimise.solver import Solution
from lifting.prior.network import FoldedScoreNetwork, ScoreNetwork

__all__ = ["PublishedIPO", "ReferenceSolver", "adam_ipo"]


@dataclass(frozen=True)
class PublishedIPO:
    """How the published optimiser begins (ZeDO, section 4.1); the defaults are those for 3DPW.

    Attributes:
        joints: which joints decide rotation and distance of the template pose; None is all.
        axes: camera axes about which it is turned.
        distance_m: of the pelvis, along its ray.
        distance_scale: bounds of the factor on it.
        frozen: share of the steps with fixed translation.
        from_rays: begin flat on the rays at the distance that was found, not with the turned pose: the protocol of
            infants (Zhou et al., WACVW 2024, "Efficient Domain Adaptation via Generative Prior for 3D Infant Pose
            Estimation"), in which all joints and axes decide the distance.
    """

    joints: tuple[int, ...] | None = None
    axes: str = "z"
    distance_m: float = 8.0
    distance_scale: tuple[float, float] = (0.2, 2.0)
    frozen: float = 0.2
    from_rays: bool = False


@dataclass(frozen=True, eq=False)
class ReferenceSolver:
    """The published optimiser from one template pose; see ``lifting.optimise.solver.Solver``.

    Attributes:
        network: prior of J joints, 17 or 12, with or without control branch.
        ipo: how poses begin.
        template: ``[J, 3]`` root-centred template pose, metres, camera axes; for infants what the distance is measured
            with.
        steps: of the optimiser.
        batch_rows: most poses that are optimised at once, which bounds the memory.
        size: how many times larger than in the evidence the bodies are that the prior knows: 2.8 for infants and a
            prior of adults.
        dtype: arithmetic of the matrix products.
    """

    network: ScoreNetwork
    ipo: PublishedIPO
    template: Tensor
    steps: int = 1000
    batch_rows: int = 300
    size: float = 1.0
    dtype: torch.dtype = torch.float32
    alternatives: ClassVar[int] = 1
    published: ClassVar[bool] = True
    learnt: ClassVar[bool] = False

    def proportions(self, evidence: Evidence) -> None:
        """See ``Solver``."""
        return

    @cached_property
    def _schedule(self) -> Schedule:
        return reference_schedule(self.steps, self.ipo.frozen)

    @cached_property
    def _denoise(self) -> Denoiser:
        return FoldedScoreNetwork(self.network, self._schedule.times, self.dtype)

    def solve(self, evidence: Evidence) -> Solution:
        """See ``Solver``."""
        found = torch.empty_like(evidence.rays)
        for first in range(0, len(found), self.batch_rows):
            rows = slice(first, first + self.batch_rows)
            some = Evidence.apart(evidence.rays[rows], evidence.confidence[rows])
            begin = self._flat_on_rays(some) if self.ipo.from_rays else self._turned_template(some)
            found[rows] = optimise(self._denoise, self._schedule, begin, some).X / self.size
        return Solution(found)

    def _turned_template(self, evidence: Evidence) -> State:
        pose, joints = self.size * self.template, self.ipo.joints or tuple(range(len(self.template)))
        return self._adam(pose[None], evidence.rays, evidence.confidence, joints)

    def _flat_on_rays(self, evidence: Evidence) -> State:
        rays, confidence = evidence.rays, evidence.confidence
        # IPO wants the root first; among 12 joints there is none, so it comes in front of them.
        root = root_of(rays)
        aim = torch.cat([root, rays], dim=1)
        trust = torch.cat([torch.ones_like(confidence[:, :1]), confidence], dim=1)
        body = torch.cat([torch.zeros_like(self.template[:1]), self.template - root_of(self.template)])
        T = self._adam(self.size * body[None], aim, trust, tuple(range(1, aim.shape[1]))).T
        return State((rays - root) * T[:, None, 2:], T)

    def _adam(self, pose: Tensor, rays: Tensor, confidence: Tensor, joints: tuple[int, ...]) -> State:
        return adam_ipo(
            pose, rays, confidence, joints=joints, axes=self.ipo.axes, distance_m=self.size * self.ipo.distance_m,
            distance_scale=self.ipo.distance_scale,
        )  # fmt: skip


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
) -> State:
    """IPO as published (ZeDO, section 3.2): rotation and distance of the pelvis, by Adam on the L1 reprojection.

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
    return State(x.detach(), T.detach())
