"""One body along a track: the lengths that are held, and what holding them leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from detectors.layouts import H36M_17
from lifting.body.bones import BoneKeeper, ancestors, mirrored_bones
from lifting.body.proportions import PROPORTIONS, limb_lengths, log_proportions
from lifting.body.skeleton import BONES, bone_lengths

CHILDREN = [H36M_17.joints[child] for child in BONES[:, 1]]
FOREARM = CHILDREN.index("right_wrist")
TO_HIPS, TO_SHOULDERS = ([b for b, end in enumerate(CHILDREN) if end.endswith(part)] for part in ("hip", "shoulder"))


@pytest.fixture
def mean_m(motion: NDArray[np.float64]) -> Tensor:
    """A body that is not the one of the poses: longer legs, uneven by some millimetres, and half as large again."""
    lengths = bone_lengths(motion).mean(axis=0)
    lengths[[1, 2, 4, 5]] *= [1.3, 1.3, 1.31, 1.31]
    return torch.from_numpy(1.5 * lengths)


@pytest.fixture
def poses(motion: NDArray[np.float64]) -> Tensor:
    """``[8, 17, 3]`` float64, somewhere, each with bones of its own."""
    rng = np.random.default_rng(0)
    x = motion[::15] * rng.uniform(0.9, 1.1, (8, 1, 1)) + rng.normal(size=(8, 17, 3)) * 0.02 + rng.normal(size=3)
    return torch.from_numpy(x)


def group(*counts: int) -> Tensor:
    return torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))


def trusted(poses: Tensor) -> Tensor:
    return torch.ones(poses.shape[:2], dtype=poses.dtype)


def lengths_of(poses: Tensor) -> Tensor:
    return torch.from_numpy(bone_lengths(poses.numpy()))


def directions(poses: Tensor) -> Tensor:
    return torch.nn.functional.normalize(poses[:, BONES[:, 1]] - poses[:, BONES[:, 0]], dim=-1)


def shares(poses: Tensor, confidence: Tensor, mean_m: Tensor) -> tuple[Tensor, Tensor]:
    """How far each bone of a track goes towards the mean body, and the length it goes there from, both ``[16]``.

    Told by what another mean body changes, since only the proportions of either count.
    """
    mirror, found, typical = mirrored_bones(), [], []
    for mean in (mean_m, mean_m * torch.linspace(0.8, 1.3, 16, dtype=mean_m.dtype)):
        found.append(BoneKeeper(mean, group(len(poses)), 1, confidence).lengths(poses)[0])
        typical.append((mean + mean[mirror]) / (2 * mean.sum()) * lengths_of(poses).sum(1).mean())
    share = (found[1] - found[0]) / (typical[1] - typical[0])
    return share, (found[0] - share * typical[0]) / (1 - share)


def test_joints_are_sums_of_bones(motion: NDArray[np.float64]) -> None:
    bones = motion[:, BONES[:, 1]] - motion[:, BONES[:, 0]]
    assert np.allclose(np.einsum("jk,nkd->njd", ancestors(), bones), motion - motion[:, :1])
    between = {CHILDREN[bone] for bone in np.flatnonzero(ancestors()[H36M_17.index("left_wrist")])}
    assert between == {"spine", "thorax", "left_shoulder", "left_elbow", "left_wrist"}


def test_mirrored_bones_are_those_of_the_other_side() -> None:
    mirror = mirrored_bones()
    assert [mirror[bone] for bone in mirror] == list(range(16))
    for bone, other in enumerate(mirror):
        swapped = CHILDREN[bone].replace("left_", "?").replace("right_", "left_").replace("?", "right_")
        assert CHILDREN[other] == swapped


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_held_poses_have_one_body_and_keep_directions_and_place(
    poses: Tensor, mean_m: Tensor, dtype: torch.dtype
) -> None:
    x = poses.to(dtype)
    held = BoneKeeper(mean_m.to(dtype), group(8), 1, trusted(x))(x, 1.0)
    tolerance = 1e-12 if dtype == torch.float64 else 2e-6
    assert held.dtype == dtype
    lengths = lengths_of(held)
    assert torch.allclose(lengths, lengths[:1].expand(8, -1), rtol=0, atol=tolerance)
    assert torch.allclose(lengths, lengths[:, mirrored_bones()], rtol=0, atol=tolerance)
    assert torch.allclose(directions(held), directions(x), rtol=0, atol=50 * tolerance)
    assert torch.allclose(held.mean(dim=1), x.mean(dim=1), rtol=0, atol=tolerance)
    # A body of the size that the poses have, not of the mean body, which is half as large again. To the last percent it
    # is not: hips and shoulders are partly those of that body, whose legs have a larger share of it.
    assert lengths[0].sum().item() == pytest.approx(lengths_of(x).sum(1).mean().item(), rel=0.01)


def test_lengths_by_hand(poses: Tensor, mean_m: Tensor) -> None:
    confidence = torch.rand(8, 17, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    share, own = shares(poses, confidence, mean_m)
    assert ((share > 0) & (share < 1)).all() and torch.allclose(share, share[mirrored_bones()])
    present = lengths_of(poses)
    for bone in range(16):
        sides = []
        for one in (bone, mirrored_bones()[bone]):
            trust = confidence[:, BONES[one].tolist()].amin(dim=1).clamp_min(0.01)
            sides.append(float((trust * present[:, one]).sum() / trust.sum()))
        assert float(own[bone]) == pytest.approx(sum(sides) / 2, rel=1e-6)
    found = BoneKeeper(mean_m, group(8), 1, confidence).lengths(poses)
    assert torch.equal(found, found[:1].expand(8, -1))


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_a_share_of_the_way(poses: Tensor, mean_m: Tensor, share: float) -> None:
    keeper = BoneKeeper(mean_m, group(8), 1, trusted(poses))
    assert torch.allclose(keeper(poses, share), poses + share * (keeper(poses, 1.0) - poses), atol=1e-12)
    assert torch.allclose(keeper(poses, 0.0), poses, atol=1e-12)


def test_groups_are_people_of_their_own(poses: Tensor, mean_m: Tensor) -> None:
    x = poses * torch.tensor([1.0] * 3 + [0.6] * 5, dtype=poses.dtype)[:, None, None]
    together = BoneKeeper(mean_m, group(3, 5), 2, trusted(x))(x, 1.0)
    for rows in (slice(0, 3), slice(3, 8)):
        alone = BoneKeeper(mean_m, group(rows.stop - rows.start), 1, trusted(x[rows]))(x[rows], 1.0)
        assert torch.allclose(together[rows], alone, atol=1e-12)
    sizes = lengths_of(together).sum(dim=1)
    assert sizes[4] < 0.75 * sizes[0]


def test_what_was_badly_seen_does_not_decide(poses: Tensor, mean_m: Tensor) -> None:
    confidence = trusted(poses)
    confidence[:6, H36M_17.index("right_wrist")] = 0.0
    stretched = poses.clone()
    stretched[:6, H36M_17.index("right_wrist")] += 0.5
    found = BoneKeeper(mean_m, group(8), 1, confidence).lengths(stretched)[0, FOREARM]
    # the two frames that saw the wrist against six with a hundredth of their weight
    seen = lengths_of(poses)[6:, [FOREARM, mirrored_bones()[FOREARM]]].mean()
    assert found.item() == pytest.approx(seen.item(), rel=0.1)
    believed = BoneKeeper(mean_m, group(8), 1, trusted(poses)).lengths(stretched)[0, FOREARM]
    assert believed > 1.3 * seen


def test_bones_nobody_saw_have_the_length_the_prior_gave_them(poses: Tensor, mean_m: Tensor) -> None:
    none = torch.zeros_like(trusted(poses))
    unseen = BoneKeeper(mean_m, group(8), 1, none).lengths(poses)
    assert torch.isfinite(unseen).all()
    assert torch.allclose(unseen, BoneKeeper(mean_m, group(8), 1, trusted(poses)).lengths(poses))


def test_the_mean_body_counts_for_single_frames_and_for_hips_and_shoulders(
    body: NDArray[np.float64], mean_m: Tensor
) -> None:
    pose = torch.from_numpy(body)[None]
    one, many = (shares(x, trusted(x), mean_m)[0] for x in (pose, pose.expand(100, -1, -1)))
    lasting = [*TO_HIPS, *TO_SHOULDERS]
    others = [bone for bone in range(16) if bone not in lasting]
    assert (one[others] > 0.1).all() and (many[others] < 0.01).all()
    # where hips and shoulders are seen is wrong for long: many frames know no better than one
    assert torch.allclose(one[lasting], many[lasting]) and (one[lasting] > 0.3).all()
    assert one[TO_SHOULDERS].min() > one[TO_HIPS].max()


def test_bones_without_length_stay_finite(poses: Tensor, mean_m: Tensor) -> None:
    poses[2, H36M_17.index("nose")] = poses[2, H36M_17.index("thorax")]
    held = BoneKeeper(mean_m, group(8), 1, trusted(poses))(poses, 1.0)
    assert torch.isfinite(held).all()


def test_lengths_go_towards_a_body_that_is_known(poses: Tensor, mean_m: Tensor) -> None:
    both, confidence = group(5, 3), trusted(poses)
    plain = BoneKeeper(mean_m, both, 2, confidence).lengths(poses)
    body = torch.zeros(8, 8, dtype=poses.dtype)
    body[:5, PROPORTIONS.index("forearm")] = 0.2
    body[5:] = torch.nan
    found = BoneKeeper(mean_m, both, 2, confidence, body).lengths(poses)
    # of the second person nothing is known
    assert torch.equal(found[5:], plain[5:])
    limbs = [CHILDREN.index(f"right_{end}") for end in ("knee", "ankle", "elbow", "wrist")]
    unit_m = plain[:1, limbs].log().mean(dim=1).exp()
    wanted = limb_lengths(body[:1], unit_m)[0]
    ends = [
        [CHILDREN.index(f"{side}_{end}") for side in ("left", "right")]
        for end in ("hip", "knee", "ankle", "elbow", "wrist")
    ]
    # all of them go the same part of the way
    believed = (found[0, ends] - plain[0, ends]) / (wanted[:, None] - plain[0, ends])
    assert torch.allclose(believed, believed[0, 0].expand(5, 2)) and 0.2 < believed[0, 0] < 0.8
    others = [CHILDREN.index(joint) for joint in ("spine", "thorax", "nose", "head_top", "left_shoulder")]
    assert torch.equal(found[:, others], plain[:, others]) and torch.equal(found[0], found[4])
    # who has these proportions stays as they are
    held = BoneKeeper(mean_m, both, 2, confidence)(poses, 1.0)
    again = BoneKeeper(mean_m, both, 2, confidence, log_proportions(held)).lengths(held)
    same = BoneKeeper(mean_m, both, 2, confidence).lengths(held)
    thin = [bone for bone, end in enumerate(CHILDREN) if end.endswith(("knee", "ankle", "elbow", "wrist"))]
    assert torch.allclose(again[:, thin], same[:, thin], rtol=1e-2)
