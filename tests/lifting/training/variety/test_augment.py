"""Augmentation changes what it is told to change, by as much as it is told, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from detectors.layouts import H36M_17
from lifting.body.skeleton import BONES, bone_lengths
from lifting.metrics import pa_mpjpe
from lifting.training.variety.augment import Augmentation, draw_poses
from lifting.training.variety.body_parts import BodyParts, take_apart
from lifting.training.variety.chance import random_rotation

NOTHING = Augmentation(
    mirror=0, exchange_limb=0, size=0, bones=0, width=0, definition=0, pitch=0, roll=0, any_orientation=0
)
CHILDREN = BONES[:, 1].tolist()
BONE = {name: CHILDREN.index(H36M_17.index(name)) for name in H36M_17.joints[1:]}
LIMBS = [BONE[name] for name in H36M_17.joints if name.split("_")[-1] in ("knee", "ankle", "elbow", "wrist")]
LEFT = [BONE[name] for name in H36M_17.joints if name.startswith("left_")]
RIGHT = [BONE[name.replace("left_", "right_")] for name in H36M_17.joints if name.startswith("left_")]
HIPS, SHOULDERS = ([BONE[f"{side}_{part}"] for side in ("left", "right")] for part in ("hip", "shoulder"))
FLIP = list(H36M_17.flip)


@pytest.fixture(scope="module")
def parts(motion: NDArray[np.float64]) -> BodyParts:
    return take_apart(torch.from_numpy(motion).float())


@pytest.fixture(scope="module")
def standing(body: NDArray[np.float64]) -> BodyParts:
    return take_apart(torch.from_numpy(body[None]).float())


def draw(
    parts: BodyParts, augmentation: Augmentation, count: int = 400, only: int | None = None
) -> NDArray[np.float64]:
    """Drawn poses, from pose ``only`` if given."""
    weights = torch.ones(len(parts)) if only is None else torch.eye(len(parts))[only]
    drawn = draw_poses(parts, weights, count, augmentation, torch.Generator().manual_seed(0))
    return drawn.double().numpy()


def up(poses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors from pelvis to thorax."""
    trunk = poses[:, 8] - poses[:, 0]
    return np.asarray(trunk / np.linalg.norm(trunk, axis=1, keepdims=True))


def test_without_augmentation_poses_only_turn_about_the_vertical(parts: BodyParts, motion: NDArray[np.float64]) -> None:
    drawn = draw(parts, NOTHING, only=7)
    assert drawn.shape == (400, 17, 3)
    # camera axes: y down
    assert np.allclose(drawn[..., 1], -motion[7, :, 1], atol=1e-5)
    assert pa_mpjpe(drawn, np.broadcast_to(motion[7], drawn.shape)).max() < 1e-5
    assert np.allclose(bone_lengths(drawn), bone_lengths(motion[7]), atol=1e-5)
    hips = drawn[:, 4] - drawn[:, 1]
    eighths = np.histogram(np.arctan2(hips[:, 2], hips[:, 0]), bins=8, range=(-np.pi, np.pi))[0]
    assert eighths.min() > 25


def test_weights_decide_how_often_a_pose_is_drawn(parts: BodyParts, motion: NDArray[np.float64]) -> None:
    weights = torch.zeros(len(parts))
    weights[[3, 90]] = torch.tensor([1.0, 3.0])
    drawn = draw_poses(parts, weights, 2000, NOTHING, torch.Generator().manual_seed(0)).numpy()
    heights = -drawn[..., 1]
    first, second = (np.abs(heights - motion[i, :, 1]).max(axis=1) < 1e-4 for i in (3, 90))
    assert np.all(first ^ second) and second.mean() == pytest.approx(0.75, abs=0.03)


def test_the_generator_is_the_only_source_of_chance(parts: BodyParts) -> None:
    first = draw(parts, Augmentation())
    torch.rand(5)
    assert np.array_equal(first, draw(parts, Augmentation()))


def test_mirroring_exchanges_left_and_right(parts: BodyParts, motion: NDArray[np.float64]) -> None:
    mirrored = draw(parts, replace(NOTHING, mirror=1.0), only=30)
    anatomical = motion[30, FLIP] * [-1.0, 1.0, 1.0]
    assert pa_mpjpe(mirrored, np.broadcast_to(anatomical, mirrored.shape)).max() < 1e-5
    assert pa_mpjpe(mirrored, np.broadcast_to(motion[30], mirrored.shape)).min() > 0.01
    # somebody who leans to the left leans to the right afterwards, as far as before
    assert np.allclose(mirrored[..., 1], -anatomical[:, 1], atol=1e-5)


def test_mirroring_twice_is_nothing(parts: BodyParts, motion: NDArray[np.float64]) -> None:
    once = draw(parts, replace(NOTHING, mirror=1.0), count=5, only=30)
    upright = torch.from_numpy(once * [1.0, -1.0, -1.0]).float()
    twice = draw(take_apart(upright), replace(NOTHING, mirror=1.0), count=20)
    assert pa_mpjpe(twice, np.broadcast_to(motion[30], twice.shape)).max() < 1e-5


def test_half_the_poses_are_mirrored(parts: BodyParts, motion: NDArray[np.float64]) -> None:
    drawn = draw(parts, replace(NOTHING, mirror=0.5), count=1000, only=30)
    kept = pa_mpjpe(drawn, np.broadcast_to(motion[30], drawn.shape)) < 1e-4
    assert kept.mean() == pytest.approx(0.5, abs=0.05)


def test_left_and_right_stay_alike(parts: BodyParts, motion: NDArray[np.float64]) -> None:
    everything = replace(Augmentation(), mirror=0.0, exchange_limb=0.5)
    lengths, original = bone_lengths(draw(parts, everything, only=7)), bone_lengths(motion[7])
    ratio = lengths[:, LEFT] / lengths[:, RIGHT]
    assert np.allclose(ratio, original[LEFT] / original[RIGHT], rtol=1e-4)
    assert lengths[:, LEFT].std(axis=0).min() > 0.005


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_widths_are_drawn_within_their_ranges(parts: BodyParts, motion: NDArray[np.float64], share: float) -> None:
    lengths = bone_lengths(draw(parts, replace(NOTHING, width=share), count=1000, only=7))
    rest = [bone for bone in range(16) if bone not in HIPS + SHOULDERS]
    assert np.allclose(lengths[:, rest], bone_lengths(motion[7])[rest], atol=1e-4)
    for bones, low, high in ((HIPS, 0.06, 0.15), (SHOULDERS, 0.14, 0.20)):
        width = lengths[:, bones].mean(axis=1)
        changed = np.abs(width - bone_lengths(motion[7])[bones].mean()) > 1e-4
        assert changed.mean() == pytest.approx(share, abs=0.08)
        drawn = width[changed]
        assert low - 1e-5 < drawn.min() < low + 0.01 and high - 0.01 < drawn.max() < high + 1e-5
        assert drawn.mean() == pytest.approx((low + high) / 2, abs=0.005)


def test_size_scales_the_whole_body(parts: BodyParts, motion: NDArray[np.float64]) -> None:
    drawn = draw(parts, replace(NOTHING, size=0.07), count=1000, only=7)
    factors = bone_lengths(drawn) / bone_lengths(motion[7])
    assert np.ptp(factors, axis=1).max() < 1e-4
    assert np.log(factors[:, 0]).std() == pytest.approx(0.07, rel=0.1)
    assert abs(np.log(factors[:, 0]).mean()) < 0.01
    assert pa_mpjpe(drawn, np.broadcast_to(motion[7], drawn.shape)).max() < 1e-5


def test_bones_vary_each_for_itself(parts: BodyParts, motion: NDArray[np.float64]) -> None:
    factors = np.log(bone_lengths(draw(parts, replace(NOTHING, bones=0.05), count=1000, only=7)))
    factors -= np.log(bone_lengths(motion[7]))
    varied = [*LIMBS, BONE["spine"], BONE["thorax"], BONE["nose"], BONE["head_top"]]
    assert np.allclose(factors[:, varied].std(axis=0), 0.05, rtol=0.15)
    correlation = np.corrcoef(factors[:, [BONE["left_knee"], BONE["left_ankle"], BONE["left_wrist"], BONE["spine"]]].T)
    assert np.abs(correlation - np.eye(4)).max() < 0.15


def test_joint_definitions_move_the_midline_alone(standing: BodyParts, body: NDArray[np.float64]) -> None:
    drawn = take_apart(torch.from_numpy(draw(standing, replace(NOTHING, definition=0.015), count=2000)))
    # in the frame of the hips nothing of the camera remains, but the spine joint itself is part of that frame
    lengths = bone_lengths(draw(standing, replace(NOTHING, definition=0.015), count=2000))
    assert np.allclose(lengths[:, LIMBS + HIPS + SHOULDERS], bone_lengths(body)[LIMBS + HIPS + SHOULDERS], atol=1e-5)
    thorax = drawn.trunk.sum(dim=1).norm(dim=-1)
    assert torch.allclose(thorax, torch.full_like(thorax, 0.52), atol=1e-5)
    # along the trunk the spine moves by the spread; across it, only in second order
    assert lengths[:, BONE["spine"]].std() == pytest.approx(0.015, rel=0.1)
    # nose and head top each move
    assert lengths[:, BONE["head_top"]].std() == pytest.approx(0.015 * np.sqrt(2), rel=0.1)


def test_exchanged_limbs_come_from_other_poses(motion: NDArray[np.float64]) -> None:
    # half of the donors are larger people: their posture is taken, not the length of their limbs
    parts = take_apart(torch.from_numpy(np.concatenate([motion, 1.3 * motion])).float())

    def leg_angles(poses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Cosine of the left knee's and the right knee's bend."""
        thighs, shanks = poses[:, [5, 2]] - poses[:, [4, 1]], poses[:, [6, 3]] - poses[:, [5, 2]]
        norms = np.linalg.norm(thighs, axis=-1) * np.linalg.norm(shanks, axis=-1)
        return np.asarray((thighs * shanks).sum(-1) / norms)

    drawn = draw(parts, replace(NOTHING, exchange_limb=0.3), count=2000, only=30)
    assert np.allclose(bone_lengths(drawn)[:, LIMBS], bone_lengths(motion[30])[LIMBS], atol=1e-4)
    own, known = leg_angles(motion[30:31])[0], leg_angles(motion)
    for side in (0, 1):
        angles = leg_angles(drawn)[:, side]
        kept = np.abs(angles - own[side]) < 1e-5
        assert kept.mean() == pytest.approx(0.7, abs=0.05)
        # every other knee is one that somebody had
        nearest = np.abs(angles[:, None] - known[None, :, side]).min(axis=1)
        assert nearest.max() < 1e-4
    # hips, trunk and shoulders stay those of the pose
    trunk = [0, 1, 4, 7, 8, 11, 14]
    assert pa_mpjpe(drawn[:, trunk], np.broadcast_to(motion[30, trunk], (2000, 7, 3))).max() < 1e-5


def test_camera_pitches_and_rolls(standing: BodyParts) -> None:
    pitched = up(draw(standing, replace(NOTHING, pitch=0.5), count=1000))
    pitch = np.arctan2(-pitched[:, 2], -pitched[:, 1])
    # looking down on somebody is more usual: the head nearer to the camera
    assert -0.251 < pitch.min() < -0.2 and 0.45 < pitch.max() < 0.501 and np.abs(pitched[:, 0]).max() < 1e-5
    rolled = up(draw(standing, replace(NOTHING, roll=0.1), count=1000))
    assert np.arctan2(rolled[:, 0], -rolled[:, 1]).std() == pytest.approx(0.1, rel=0.1)
    assert np.abs(rolled[:, 2]).max() < 1e-5


def test_any_orientation_means_every_orientation(standing: BodyParts) -> None:
    assert uniform_on_the_sphere(up(draw(standing, replace(NOTHING, any_orientation=1.0), count=4000)))
    some = up(draw(standing, replace(NOTHING, any_orientation=0.25), count=4000))
    assert (some[:, 1] > -0.999).mean() == pytest.approx(0.25, abs=0.03)


def uniform_on_the_sphere(vectors: NDArray[np.float64]) -> bool:
    tolerance = 4 / np.sqrt(len(vectors))
    covariance = vectors.T @ vectors / len(vectors)
    return bool(np.abs(vectors.mean(axis=0)).max() < tolerance and np.abs(covariance - np.eye(3) / 3).max() < tolerance)


def test_random_rotations_are_proper_and_uniform() -> None:
    R: Tensor = random_rotation(8000, torch.Generator().manual_seed(1))
    assert torch.allclose(R @ R.transpose(1, 2), torch.eye(3).expand_as(R), atol=1e-5)
    assert torch.allclose(torch.linalg.det(R), torch.ones(8000), atol=1e-5)
    for column in range(3):
        assert uniform_on_the_sphere(R[..., column].double().numpy())
    # the angle of a uniform rotation has the density (1 - cos a) / pi: mean pi / 2 + 2 / pi
    angles = torch.arccos(((R.diagonal(dim1=1, dim2=2).sum(-1) - 1) / 2).clamp(-1, 1))
    assert angles.mean().item() == pytest.approx(np.pi / 2 + 2 / np.pi, abs=0.03)
