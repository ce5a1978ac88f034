"""What cameras and detectors make of poses: rays with errors, doubts and gaps, to train the initialiser with."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from detectors.h36m import HEAD_TOP_FROM_THORAX, NOSE_FROM_THORAX, joints_of_the_trunk, trust_between
from detectors.layouts import H36M_17
from lifting.body.joints import ANKLES, ELBOWS, HEAD_TOP, HIPS, KNEES, NOSE, SHOULDERS, THORAX, WRISTS

__all__ = ["Views", "draw_views"]

_RIGHT_ARM, _LEFT_ARM = map(list, zip(SHOULDERS, ELBOWS, WRISTS, strict=True))
# what leaves the picture or is hidden together
_TOGETHER = (
    _LEFT_ARM, _RIGHT_ARM, _LEFT_ARM[1:], _RIGHT_ARM[1:], WRISTS, *map(list, zip(KNEES, ANKLES, strict=True)), ANKLES,
    KNEES + ANKLES, [NOSE, HEAD_TOP], [HEAD_TOP], [THORAX],
)  # fmt: skip


@dataclass(frozen=True)
class Views:
    """How poses are looked at.

    Attributes:
        nearest_m, farthest_m: range of distances, of which the logarithm is uniform.
        off_axis: largest tangent of the angle to the optical axis, horizontally and vertically.
        exact: share of poses whose keypoints are exact.
        noise_m: largest standard deviation of the other keypoints, metres at the person's depth.
        doubtful: share of poses with confidences below 1; errors grow as confidence falls.
        derived: share of people whose central joints are placed from hips, shoulders and face, as those of COCO
            keypoints are (``detectors.h36m``).
        face_m: spread of where the face is to such detectors, metres.
        ankles_up, wrists_out: how much shorter shanks, and how much longer forearms, are between the joints of such
            detectors than between those of motion capture, relative.
        hidden: probability with which joints are hidden now and then, with which some are hidden throughout, and half
            of that of each group that is hidden together: an arm, hands, a lower leg, feet, both legs, the head.
        cut: share of people whom an edge of the picture cuts off.
        alone: share of frames that are seen without their neighbours.
        past: share of the others that are seen with their past alone, as live.
    """

    nearest_m: float = 1.3
    farthest_m: float = 12.0
    off_axis: float = 0.45
    exact: float = 0.2
    noise_m: float = 0.035
    doubtful: float = 0.6
    derived: float = 0.0
    face_m: float = 0.03
    ankles_up: float = 0.0
    wrists_out: float = 0.0
    hidden: float = 0.06
    cut: float = 0.0
    alone: float = 0.3
    past: float = 0.0


def draw_views(
    poses: Tensor, present: Tensor, views: Views, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Rays ``[B, W, 17, 3]`` (z = 1) and confidences ``[B, W, 17]`` of people in motion, and the poses that they show.

    These are ``poses``, with ankles and wrists where the detector has them.

    Args:
        poses: ``[B, W, 17, 3]`` metres, x right, y down, z forward, the origin at the pelvis of the middle pose.
        present: ``[B, W]`` False for poses that do not exist.
        views: how they are looked at.
        generator: source of all randomness.
    """
    count, frames = present.shape

    def uniform(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=generator)

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=generator)

    from_limbs = uniform(1) < views.derived
    if views.ankles_up or views.wrists_out:
        poses = torch.where(from_limbs[..., None, None], _detected_ends(poses, views), poses)
    ratio = math.log(views.farthest_m / views.nearest_m)
    z = views.nearest_m * (uniform() * ratio).exp()
    aside = (2 * uniform(2) - 1) * views.off_axis * z[:, None]
    X = poses + torch.cat([aside, z[:, None]], dim=1)[:, None, None]
    # Nobody is seen behind the lens: what is nearer than that counts as hidden.
    hidden = X[..., 2] < 0.2
    plane = X[..., :2] / X[..., 2:].clamp_min(0.2)

    # Detectors err for long: part of the error, and of the doubt, is the same in all frames of a window.
    doubt = 0.8 * uniform(1, 17) * uniform(1, 1) * (0.7 + 0.3 * uniform(frames, 17))
    confidence = 1.0 - doubt * (uniform(1, 1) < views.doubtful)
    lasting = uniform(1, 1, 1)
    error = lasting.sqrt() * normal(1, 17, 2) + (1 - lasting).sqrt() * normal(frames, 17, 2)
    sigma = uniform(1, 1).square() * views.noise_m * (uniform(1, 1) >= views.exact)
    # A doubted keypoint lies farther off, and now and then on another limb altogether.
    astray = uniform(frames, 17) < 0.25 * (0.6 - confidence).clamp_min(0)
    sigma = sigma * (1 + 3 * (1 - confidence)) + 0.12 * astray
    plane = plane + error * (sigma / z[:, None, None])[..., None]

    hidden |= (uniform(frames, 17) < 0.1) & (uniform(1, 1) < views.hidden)
    hidden |= (uniform(1, 17) < 0.2) & (uniform(1, 1) < views.hidden)
    for joints in _TOGETHER:
        hidden[..., joints] |= (uniform(1, 1) < views.hidden / 2) & (uniform(frames, 1) < 0.85)
    if views.cut > 0:
        # Most often below, where pictures end at hips, knees or feet: the angle is from there.
        angle = math.pi / 2 * (4 * (uniform(1, 1) - 0.5)).round() * (uniform(1, 1) < 0.5)
        along = plane[..., 0] * angle.sin() + plane[..., 1] * angle.cos()
        edge = along[:, frames // 2].sort(dim=1).values.gather(1, (17 * (0.35 + 0.6 * uniform(1))).long())
        hidden |= (along > edge[:, None]) & (uniform(1, 1) < views.cut)
    gone = (uniform(1) < views.alone) | (uniform(frames) < 0.05)
    if views.past > 0:
        gone |= (uniform(1) < views.past) & (torch.arange(frames) > frames // 2)
    gone[:, frames // 2] = False
    confidence = confidence * ~hidden * (present & ~gone)[..., None]
    if views.derived > 0:
        face = views.face_m * normal(1, 2, 2) / z[:, None, None, None]
        derived, trusted = _derived(plane, confidence, face)
        plane = torch.where(from_limbs[..., None, None], derived, plane)
        confidence = torch.where(from_limbs[..., None], trusted, confidence)
    return torch.cat([plane, torch.ones_like(plane[..., :1])], dim=-1), confidence, poses


def _detected_ends(poses: Tensor, views: Views) -> Tensor:
    moved = poses.clone()
    for middles, ends, change in ((KNEES, ANKLES, -views.ankles_up), (ELBOWS, WRISTS, views.wrists_out)):
        moved[..., ends, :] += change * (poses[..., ends, :] - poses[..., middles, :])
    return moved


def _derived(plane: Tensor, confidence: Tensor, face: Tensor) -> tuple[Tensor, Tensor]:
    """What ``detectors.h36m.to_h36m17`` makes of keypoints without central joints: ``plane`` and ``confidence``.

    The face that such detectors see is where nose and head top would have to be for it; ``face`` is where it is seen
    beside that, ``[B, 1, 2, 2]``: nose, ears.
    """
    hips, shoulders = (
        (plane[..., pair, :].mean(dim=-2), confidence[..., pair].amin(dim=-1)) for pair in (HIPS, SHOULDERS)
    )
    found, trust = plane.clone(), confidence.clone()
    for name, (place, sure) in joints_of_the_trunk(hips, shoulders, torch).items():
        found[..., H36M_17.index(name), :], trust[..., H36M_17.index(name)] = place, sure
    moved = found[..., THORAX, :] - plane[..., THORAX, :]
    for part, (joint, share) in enumerate(((NOSE, NOSE_FROM_THORAX), (HEAD_TOP, HEAD_TOP_FROM_THORAX))):
        found[..., joint, :] += (1.0 - share) * moved + share * face[..., part, :]
        trust[..., joint] = trust_between(trust[..., THORAX], confidence[..., joint], H36M_17.joints[joint], torch)
    return found, trust
