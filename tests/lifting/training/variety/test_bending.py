"""Limbs are turned by as much as asked, stay as long as they were, and leave no joint further out of its range."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lifting.training.variety.bending import bend, excess
from lifting.training.variety.body_parts import BodyParts, assemble, take_apart
from lifting.training.variety.chance import Chance

COUNT, FRAMES = 300, 3


@pytest.fixture(scope="module")
def people(motion: NDArray[np.float64]) -> BodyParts:
    """Windows of three poses that follow each other."""
    middle = torch.linspace(1, len(motion) - 2, COUNT).round().long()
    index = (middle[:, None] + torch.tensor([-1, 0, 1])).flatten()
    return take_apart(torch.from_numpy(motion).float()[index])


def bent(people: BodyParts, spread: float, frames: int = FRAMES) -> BodyParts:
    return bend(people, spread, Chance(len(people) // frames, frames, torch.Generator().manual_seed(0)))


def lengths(vectors: torch.Tensor) -> torch.Tensor:
    return vectors.norm(dim=-1)


def angle(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.atan2(torch.linalg.cross(a, b).norm(dim=-1), (a * b).sum(-1))


def test_bones_keep_their_lengths_and_the_pelvis_stays(people: BodyParts) -> None:
    after = bent(people, 0.4)
    for part in ("legs", "arms", "trunk", "head"):
        before = lengths(getattr(people, part))
        assert torch.allclose(lengths(getattr(after, part)), before, atol=1e-5)
    for part in ("pelvis", "hips", "shoulders"):
        assert torch.equal(getattr(after, part), getattr(people, part))
    assert torch.isfinite(assemble(after)).all()
    identity = after.chest @ after.chest.transpose(1, 2)
    assert torch.allclose(identity, torch.eye(3).expand_as(identity), atol=1e-5)


@pytest.mark.parametrize("spread", [0.1, 0.2])
def test_limbs_turn_by_as_much_as_asked(people: BodyParts, spread: float) -> None:
    after = bent(people, spread)
    # a turn about two axes across a bone moves it by sqrt(pi / 2) sigma in the mean
    moved = angle(after.arms[:, :, 0], people.arms[:, :, 0])
    assert moved.mean() == pytest.approx(spread * math.sqrt(math.pi / 2), rel=0.1)
    hinge = angle(after.arms[:, :, 0], after.arms[:, :, 1]) - angle(people.arms[:, :, 0], people.arms[:, :, 1])
    assert hinge.abs().mean() == pytest.approx(spread * math.sqrt(2 / math.pi), rel=0.2)


def test_no_joint_leaves_its_range(people: BodyParts) -> None:
    before, after = excess(people), excess(bent(people, 0.8))
    assert torch.all(after <= before + 2e-4)
    # most turns are possible, and some had to be refused
    still = (bent(people, 0.8).legs == people.legs).flatten(2).all(dim=2).float().mean()
    assert 0.05 < still < 0.7
    flexion = angle(bent(people, 0.8).legs[:, :, 0], bent(people, 0.8).legs[:, :, 1])
    assert (
        flexion.max() <= max(math.radians(135), float(angle(people.legs[:, :, 0], people.legs[:, :, 1]).max())) + 1e-3
    )


def test_ranges_know_sides_and_directions(body: NDArray[np.float64]) -> None:
    standing = take_apart(torch.from_numpy(body[None]).float())
    assert torch.all(excess(standing) == 0)

    def legs(x: float, y: float, z: float, side: int) -> float:
        turned = standing.legs.clone()
        turned[:, side, 0] = torch.tensor([x, y, z])
        parts = BodyParts(**{**vars(standing), "legs": turned})
        return float(excess(parts)[0, side])

    right, left = 0, 1
    for side, out in ((right, -1.0), (left, 1.0)):
        assert legs(0.5 * out, -0.8, 0.0, side) == 0, "32 degrees to its own side"
        assert legs(-0.7 * out, -0.7, 0.0, side) > 0.2, "45 degrees across the other leg"
        assert legs(0.9 * out, -0.3, 0.0, side) > 0.4, "72 degrees to the side"
        assert legs(0.0, 0.0, 1.0, side) == 0, "raised in front"
        assert legs(0.0, -0.5, -0.8, side) > 0.4, "58 degrees back"


def with_limbs(body: NDArray[np.float64], count: int, **limbs: torch.Tensor) -> BodyParts:
    """The standing body, ``count`` times, with some vectors ``[..., 3]`` of its own."""
    standing = take_apart(torch.from_numpy(np.repeat(body[None], count, axis=0)).float())
    return BodyParts(**{**vars(standing), **{name: value.expand(count, *value.shape) for name, value in limbs.items()}})


@pytest.mark.parametrize("degrees", [0.0, 3.0, -3.0])
def test_hinges_open_as_joints_do(body: NDArray[np.float64], degrees: float) -> None:
    """Straight limbs, and such that are bent a little in the right and in the wrong way."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    down, up, ahead = (torch.tensor(axis) for axis in ([0.0, -1, 0], [0.0, 1, 0], [0.0, 0, 1]))
    # where the limb points, where its lower part goes when it bends
    for name, along, opens in (
        ("legs", down, -ahead), ("legs", ahead, down), ("arms", down, ahead), ("arms", ahead, up), ("arms", up, -ahead),
    ):  # fmt: skip
        limb = torch.stack([along, c * along + s * opens]).expand(2, 2, 3)
        after = bent(with_limbs(body, 200, **{name: limb}), 0.25, frames=1)
        upper, lower = getattr(after, name).unbind(2)
        # in the plane of the joint, which was turned with the limb by up to some 40 degrees
        angles = angle(upper, lower)
        assert angles.mean() > 0.1
        clearly = angles > 0.25
        assert ((lower - (lower * upper).sum(-1, keepdim=True) * upper) @ opens)[clearly].min() > -0.05


def test_a_leg_that_passes_through_straight_bends_in_one_way(body: NDArray[np.float64]) -> None:
    angles = torch.tensor([0.06, 0.02, -0.03])
    shank = torch.stack([torch.zeros(3), -angles.cos(), -angles.sin()], dim=-1)
    legs = torch.stack([torch.tensor([0.0, -1, 0]).expand(3, 3), shank], dim=1)[:, None].expand(3, 2, 2, 3)
    standing = with_limbs(body, 3)
    people = BodyParts(**{**vars(standing), "legs": legs}).take(torch.arange(3).repeat(100))
    after = bent(people, 0.3)
    flexed = angle(after.legs[:, :, 0], after.legs[:, :, 1]).unflatten(0, (100, 3))
    # the captured change is a tenth of a radian over the window; one that flipped would be twice what was drawn
    assert (flexed.amax(dim=1) - flexed.amin(dim=1)).max() < 0.15 < flexed.amax()


def test_ranges_of_arms_trunk_and_head(body: NDArray[np.float64]) -> None:
    def out(column: int, **limbs: list[float]) -> float:
        changed = {}
        for name, vector in limbs.items():
            part = getattr(with_limbs(body, 1), name)[0].clone()
            if name == "arms":
                part[0, 0] = torch.tensor(vector)
            else:
                part[1] = torch.tensor(vector)
            changed[name] = part
        return float(excess(with_limbs(body, 1, **changed))[0, column])

    right_arm, waist, neck = 2, 4, 5
    assert out(right_arm, arms=[0.5, 0.0, 0.87]) == 0, "30 degrees across"
    assert out(right_arm, arms=[0.87, 0.0, 0.5]) > 0.2, "60 degrees across"
    assert out(right_arm, arms=[0.0, -0.7, -0.7]) == 0, "45 degrees back, hanging"
    assert out(right_arm, arms=[0.0, 0.7, -0.7]) > 0.3, "45 degrees back, raised"
    assert out(waist, trunk=[0.0, 0.14, 0.24]) == 0 and out(waist, trunk=[0.0, 0.14, -0.24]) > 0.3, "bows, not back"
    assert out(waist, trunk=[0.24, 0.14, 0.0]) > 0.3, "nor to the side"
    assert out(neck, head=[0.2, 0.05, 0.0]) > 0


def test_what_is_drawn_holds_for_a_whole_window(people: BodyParts) -> None:
    after = bent(people, 0.3)
    turned = angle(after.arms[:, :, 0], people.arms[:, :, 0]).unflatten(0, (COUNT, FRAMES))
    # the frames of a window differ by their own small motion only, windows by what was drawn
    assert (turned.amax(dim=1) - turned.amin(dim=1)).median() < 0.02 < turned[:, 0].std()
    for part in ("legs", "arms"):
        refused = (getattr(after, part) == getattr(people, part)).flatten(2).all(dim=2).unflatten(0, (COUNT, FRAMES))
        assert torch.equal(refused.any(dim=1), refused.all(dim=1))
