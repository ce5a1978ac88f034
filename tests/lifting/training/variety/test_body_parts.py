"""Poses taken apart and put together again."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from lifting.training.variety.body_parts import BodyParts, assemble, take_apart


@pytest.fixture
def poses(motion: NDArray[np.float64]) -> Tensor:
    """Motion capture in every orientation, away from the origin, float64."""
    turns = Rotation.random(len(motion), rng=np.random.default_rng(0)).as_matrix()
    return torch.from_numpy(motion @ turns + [1.0, 2.0, 3.0])


def close(a: BodyParts, b: BodyParts, but: tuple[str, ...] = ()) -> bool:
    return all(
        torch.allclose(getattr(a, field.name), getattr(b, field.name), atol=1e-9)
        for field in fields(a)
        if field.name not in but
    )


def test_assembling_undoes_taking_apart(poses: Tensor) -> None:
    parts = take_apart(poses)
    assert len(parts) == len(poses)
    again = assemble(parts)
    assert torch.allclose(again, poses - poses[:, :1], atol=1e-9)
    assert close(take_apart(again), parts)


def test_single_precision_and_selection(poses: Tensor) -> None:
    index = torch.tensor([5, 5, 0, 17])
    parts = take_apart(poses.float()).take(index)
    assert assemble(parts).dtype == torch.float32
    assert torch.allclose(assemble(parts), (poses - poses[:, :1])[index].float(), atol=1e-5)


def test_turning_the_world_turns_the_pelvis_alone(poses: Tensor) -> None:
    R = torch.from_numpy(Rotation.from_euler("xyz", [0.4, 1.1, -2.0]).as_matrix())
    before, after = take_apart(poses), take_apart(poses @ R.T)
    assert close(before, after, but=("pelvis",))
    assert torch.allclose(after.pelvis, R @ before.pelvis)


def test_turning_the_chest_turns_head_and_arms_along(body: NDArray[np.float64]) -> None:
    parts = take_apart(torch.from_numpy(body[None]))
    quarter = torch.from_numpy(Rotation.from_euler("y", 90, degrees=True).as_matrix())[None]
    turned = assemble(BodyParts(**{**vars(parts), "chest": quarter @ parts.chest}))[0].numpy()
    root = body - body[0]
    above = [9, 10, *range(11, 17)]
    expected = root.copy()
    expected[above] = (root[above] - root[8]) @ quarter[0].numpy().T + root[8]
    assert np.allclose(turned, expected, atol=1e-9)


def test_frames_have_x_to_the_left_y_up_z_ahead(body: NDArray[np.float64]) -> None:
    parts = take_apart(torch.from_numpy(body[None]))
    assert torch.allclose(parts.pelvis[0], torch.eye(3, dtype=torch.float64), atol=1e-9)
    assert torch.allclose(parts.chest[0], torch.eye(3, dtype=torch.float64), atol=1e-9)
    # sides are right, left
    assert parts.hips[0].tolist() == pytest.approx(np.array([[-0.11, 0, 0], [0.11, 0, 0]]), abs=1e-9)
    assert parts.legs[0, 0, 0].tolist() == pytest.approx([-0.01, -0.4, 0.2])
    assert parts.arms[0, 1, 1].tolist() == pytest.approx([-0.04, 0.25, 0.05])
    assert parts.head[0, 0].tolist() == pytest.approx([0.0, 0.11, 0.08])


def test_frames_are_rotations(poses: Tensor) -> None:
    parts = take_apart(poses)
    for frame in (parts.pelvis, parts.chest):
        assert torch.allclose(frame @ frame.transpose(1, 2), torch.eye(3, dtype=torch.float64).expand_as(frame))
        assert torch.allclose(torch.linalg.det(frame), torch.ones(len(frame), dtype=torch.float64))
