"""Judging views against triangulated joints: known cameras, known errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from detectors.layouts import COCO_17, H36M_17
from detectors.people import PersonTrack2D
from lifting.benchmarks.multiview import LIMBS, Reference, main_person, view_errors
from lifting.tracks import Track3D

FRAMES = np.arange(0, 20, 2)
TURN = Rotation.from_euler("xyz", [20, 200, -10], degrees=True)
SHIFT = np.array([0.2, -0.1, 4.0])


@pytest.fixture
def joints(motion: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[10, 17, 3]`` COCO joints in the world; those of the face lie at the nose."""
    names = [name if name in H36M_17.joints else "nose" for name in COCO_17.joints]
    return motion[FRAMES][:, [H36M_17.index(name) for name in names]]


@pytest.fixture
def reference(joints: NDArray[np.float64]) -> Reference:
    K = np.array([[1000.0, 0, 320], [0, 1000, 240], [0, 0, 1]])
    return Reference(
        frames=FRAMES,
        joints_m=joints,
        reprojection_px=np.zeros((10, 17)),
        K=np.stack([K, K]),
        distortion=np.zeros((2, 4)),
        R=np.stack([np.eye(3), TURN.as_matrix()]),
        T=np.stack([[0, 0, 5.0], SHIFT]),
    )


def track_2d(number: int, frames: NDArray[np.int64], limbs_px: NDArray[np.float64]) -> PersonTrack2D:
    keypoints = np.zeros((len(frames), 17, 2), np.float32)
    keypoints[:, [COCO_17.index(name) for name in LIMBS]] = limbs_px
    confidence = np.ones((len(frames), 17), np.float32)
    return PersonTrack2D(number, frames, frames / 30, keypoints, confidence, COCO_17.name)


def track_3d(frames: NDArray[np.int64], limbs_m: NDArray[np.float64]) -> Track3D:
    """A track with these limb joints; before smoothing they were where they are mirrored."""
    joints = np.zeros((len(frames), 17, 3))
    joints[:, [H36M_17.index(name) for name in LIMBS]] = limbs_m
    flags, plane = np.zeros((len(frames), 17), np.bool_), np.zeros((len(frames), 17))
    return Track3D(
        1, frames, frames / 30, joints, joints * [-1, 1, 1], plane, flags, np.zeros((len(frames), 17, 2)), plane,
        np.zeros((len(frames), 4)),
    )  # fmt: skip


def test_the_limbs_are_the_twelve_that_both_layouts_share() -> None:
    assert len(LIMBS) == len(set(LIMBS)) == 12
    assert set(LIMBS) == set(COCO_17.joints) & set(H36M_17.joints) - {"nose"}


def test_world_to_camera(reference: Reference, joints: NDArray[np.float64]) -> None:
    limbs = reference.limbs(1)
    wrist = LIMBS.index("left_wrist")
    assert np.allclose(limbs[3, wrist], TURN.apply(joints[3, COCO_17.index("left_wrist")]) + SHIFT)
    camera = reference.camera(1, (640, 480))
    assert np.allclose(camera.project(limbs), limbs[..., :2] / limbs[..., 2:] * 1000 + [320, 240])


def test_only_limbs_make_a_frame_unreliable(reference: Reference) -> None:
    error = np.zeros((10, 17))
    error[2, COCO_17.index("left_ear")] = 90
    error[5, COCO_17.index("left_wrist")] = 25
    reliable = replace(reference, reprojection_px=error).reliable(25.0)
    assert np.flatnonzero(~reliable).tolist() == [5]


def test_a_damaged_reference_is_refused(reference: Reference) -> None:
    with pytest.raises(ValueError, match="T must be"):
        replace(reference, T=reference.T[:1])
    broken = reference.joints_m.copy()
    broken[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="joints_m must be finite"):
        replace(reference, joints_m=broken)


class TestMainPerson:
    def test_nearness_counts_not_length(self, reference: Reference) -> None:
        limbs_px = reference.camera(0, (640, 480)).project(reference.limbs(0))
        every = np.arange(40)
        bystander = track_2d(1, every, np.repeat(limbs_px[:1] + 400, 40, axis=0))
        person = track_2d(2, FRAMES[:6], limbs_px[:6] + 8)
        crossing = track_2d(3, FRAMES[6:9], limbs_px[6:9])
        assert main_person([bystander, person, crossing], FRAMES, limbs_px) is person
        assert main_person([crossing, bystander], FRAMES, limbs_px) is crossing

    def test_of_equals_the_closest(self, reference: Reference) -> None:
        limbs_px = reference.camera(0, (640, 480)).project(reference.limbs(0))
        far, near = track_2d(1, FRAMES, limbs_px + 10), track_2d(2, FRAMES, limbs_px + 3)
        assert main_person([far, near], FRAMES, limbs_px) is near

    def test_nobody_near(self, reference: Reference) -> None:
        limbs_px = reference.camera(0, (640, 480)).project(reference.limbs(0))
        assert main_person([track_2d(1, FRAMES, limbs_px + 900)], FRAMES, limbs_px) is None
        assert main_person([track_2d(1, FRAMES + 1, limbs_px)], FRAMES, limbs_px) is None
        assert main_person([], FRAMES, limbs_px) is None


class TestErrors:
    def test_the_truth_has_none(self, reference: Reference) -> None:
        limbs = reference.limbs(1)
        aligned, plain = view_errors(track_3d(FRAMES, limbs), FRAMES, limbs)
        assert np.allclose(aligned, 0, atol=1e-9) and np.allclose(plain, 0, atol=1e-9)

    def test_place_size_and_turn(self, reference: Reference) -> None:
        limbs = reference.limbs(1)
        aligned, plain = view_errors(track_3d(FRAMES, limbs + np.array([0.3, 0, 2.0])), FRAMES, limbs)
        assert np.allclose(aligned, 0, atol=1e-9) and np.allclose(plain, 0, atol=1e-9)
        aligned, plain = view_errors(
            track_3d(FRAMES, 1.2 * TURN.apply(limbs.reshape(-1, 3)).reshape(limbs.shape)), FRAMES, limbs
        )
        assert np.allclose(aligned, 0, atol=1e-9) and (plain > 0.2).all()

    def test_smoothed_or_not(self, reference: Reference) -> None:
        limbs = reference.limbs(1)
        aligned, _ = view_errors(track_3d(FRAMES, limbs), FRAMES, limbs, smoothed=False)
        # a person mirrored is another pose: left is right
        assert (aligned > 0.03).all()

    def test_frames_are_matched_by_number(self, reference: Reference) -> None:
        limbs = reference.limbs(1)
        frames = np.arange(4, 9)
        shown = np.full((5, 12, 3), 7.0)
        shown[0], shown[2], shown[4] = limbs[2], np.nan, limbs[4]
        aligned, plain = view_errors(track_3d(frames, shown), FRAMES, limbs)
        assert np.flatnonzero(np.isfinite(aligned)).tolist() == [2, 4]
        assert np.allclose(aligned[[2, 4]], 0, atol=1e-9) and np.isnan(plain[3])

    def test_nobody(self, reference: Reference) -> None:
        aligned, plain = view_errors(None, FRAMES, reference.limbs(0))
        assert aligned.shape == plain.shape == (10,) and np.isnan([aligned, plain]).all()
