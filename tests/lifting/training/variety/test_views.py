"""Views for the training of the start: what cameras and detectors do to people, and no more than that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from detectors.h36m import HEAD_TOP_FROM_THORAX, NOSE_FROM_THORAX, to_h36m17
from detectors.layouts import COCO_17, H36M_17
from detectors.people import PersonTrack2D
from lifting.training.variety.augment import Augmentation, Windows, draw_poses, draw_windows
from lifting.training.variety.body_parts import take_apart
from lifting.training.variety.views import Views, draw_views

NOTHING = Augmentation(
    mirror=0, exchange_limb=0, size=0, bones=0, width=0, definition=0, pitch=0, roll=0, any_orientation=0
)
CLEAR = Views(exact=1.0, doubtful=0.0, hidden=0.0, alone=0.0)
OFFSETS = (-4, 0, 4)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def clips(motion: NDArray[np.float64]) -> tuple[Tensor, Tensor]:
    """The motion twice, as two clips; in the second one the person goes to the left by 2 cm per pose."""
    poses = torch.from_numpy(motion).float()
    poses = poses - poses[:, :1]
    moving = poses + 0.02 * torch.arange(len(poses))[:, None, None] * torch.tensor([1.0, 0.0, 0.0])
    return torch.cat([poses, moving]), torch.arange(2).repeat_interleave(len(poses))


@pytest.fixture
def windows(clips: tuple[Tensor, Tensor]) -> Windows:
    poses, clip = clips
    return Windows.around(poses[:, 0], clip, OFFSETS, 12.0)


def draw(
    clips: tuple[Tensor, Tensor], windows: Windows, augmentation: Augmentation, only: int | None = None
) -> tuple[Tensor, Tensor]:
    poses, _ = clips
    weights = torch.ones(len(poses)) if only is None else torch.eye(len(poses))[only]
    return draw_windows(take_apart(poses), windows, weights, 200, augmentation, generator())


def test_windows_end_with_their_clip(clips: tuple[Tensor, Tensor], windows: Windows) -> None:
    half = len(clips[1]) // 2
    assert windows.present[10].tolist() == [True, True, True] and windows.index[10].tolist() == [6, 10, 14]
    assert windows.present[2].tolist() == [False, True, True] and windows.index[2].tolist() == [2, 2, 6]
    assert windows.present[half - 1].tolist() == [True, True, False]
    assert windows.present[half].tolist() == [False, True, True]
    assert windows.present[-1].tolist() == [True, True, False]


def test_a_person_moves_through_the_window(clips: tuple[Tensor, Tensor], windows: Windows) -> None:
    half = len(clips[1]) // 2
    motion, present = draw(clips, windows, NOTHING, only=half + 10)
    assert motion.shape == (200, 3, 17, 3) and present.all()
    # the middle pose stands at the origin, the others where the recording has them, seen from any side
    assert motion[:, 1, 0].abs().max() < 1e-6
    way = (motion[:, 2, 0] - motion[:, 0, 0]).norm(dim=-1)
    assert torch.allclose(way, torch.full((200,), 0.16), atol=1e-5)
    assert torch.allclose(motion[:, 0, 0], -motion[:, 2, 0], atol=1e-6)


def test_a_person_keeps_body_camera_and_side_through_the_window(clips: tuple[Tensor, Tensor], windows: Windows) -> None:
    # without another's limbs, every pose of a window is the same body, seen by the same camera
    motion, _ = draw(clips, windows, replace(Augmentation(), exchange_limb=0.0), only=40)
    thigh = (motion[:, :, 2] - motion[:, :, 1]).norm(dim=-1)
    assert torch.allclose(thigh, thigh[:, :1].expand_as(thigh), atol=1e-5) and thigh[:, 0].std() > 0.01
    # the recording stands nearly still over a window: so does what is drawn, whichever way it is turned
    poses, _ = clips
    moved = (poses[44] - poses[36]).norm(dim=-1).max()
    assert (motion[:, 2] - motion[:, 0]).norm(dim=-1).max() < 1.8 * moved + 0.02


def sideways(motion: Tensor) -> Tensor:
    """Speed along the person's own left."""
    left = torch.nn.functional.normalize(motion[:, 1, 4] - motion[:, 1, 1], dim=-1)
    return ((motion[:, 2, 0] - motion[:, 0, 0]) * left).sum(-1)


def test_mirrored_people_move_to_the_other_side(clips: tuple[Tensor, Tensor], windows: Windows) -> None:
    half = len(clips[1]) // 2
    fixed = replace(NOTHING)
    plain, _ = draw(clips, windows, fixed, only=half + 10)
    mirrored, _ = draw(clips, windows, replace(fixed, mirror=1.0), only=half + 10)
    assert torch.allclose(sideways(mirrored), -sideways(plain), atol=1e-4) and sideways(plain).abs().min() > 0.05


def test_time_runs_backwards(clips: tuple[Tensor, Tensor], windows: Windows) -> None:
    half = len(clips[1]) // 2
    _, there = draw(clips, windows, NOTHING, only=half + 2)
    _, there_back = draw(clips, windows, replace(NOTHING, backwards=1.0), only=half + 2)
    assert torch.equal(there_back, there.flip(1)) and not torch.equal(there_back, there)
    some, _ = draw(clips, windows, replace(NOTHING, backwards=0.4), only=half + 10)
    plain, _ = draw(clips, windows, NOTHING, only=half + 10)
    back, _ = draw(clips, windows, replace(NOTHING, backwards=1.0), only=half + 10)
    assert torch.allclose(sideways(back), -sideways(plain), atol=1e-4) and sideways(plain).abs().min() > 0.05
    assert (sideways(some) * sideways(plain) < 0).float().mean() == pytest.approx(0.4, abs=0.1)
    # the body goes through the same poses in the other order
    for pose, other in ((0, 2), (1, 1), (2, 0)):
        assert torch.allclose(*(torch.cdist(x, x) for x in (back[:, pose], plain[:, other])), atol=1e-4)


def test_half_of_the_people_spin(clips: tuple[Tensor, Tensor], windows: Windows) -> None:
    half = len(clips[1]) // 2
    still, _ = draw(clips, windows, NOTHING, only=half + 10)
    spinning, _ = draw(clips, windows, replace(NOTHING, spin=2.0), only=half + 10)
    # in the middle of the window nothing has turned yet; elsewhere the person is the same, turned as a whole
    assert torch.allclose(spinning[:, 1], still[:, 1], atol=1e-5)
    same = (spinning - still).abs().amax(dim=(1, 2, 3)) < 1e-4
    assert same.float().mean() == pytest.approx(0.5, abs=0.12)
    centred = [motion[:, 2] - motion[:, 2, :1] for motion in (spinning, still)]
    assert torch.allclose(torch.cdist(centred[0], centred[0]), torch.cdist(centred[1], centred[1]), atol=1e-4)
    # a third of a second at 2 rad/s about each axis
    first, last = (motion[~same][:, [0, 2], 10] for motion in (spinning, still))
    assert (first - last).norm(dim=-1).mean() > 0.15


def test_single_poses_neither_spin_nor_know_time(clips: tuple[Tensor, Tensor]) -> None:
    parts, weights = take_apart(clips[0]), torch.ones(len(clips[0]))
    poses = [draw_poses(parts, weights, 50, replace(NOTHING, spin=on, backwards=on), generator()) for on in (0.0, 1.0)]
    assert torch.equal(*poses)


@pytest.fixture
def people(clips: tuple[Tensor, Tensor], windows: Windows) -> tuple[Tensor, Tensor]:
    return draw(clips, windows, Augmentation())


def test_clear_views_are_projections(people: tuple[Tensor, Tensor]) -> None:
    motion, present = people
    rays, confidence, _ = draw_views(motion, present, CLEAR, generator())
    assert rays.shape == (200, 3, 17, 3) and torch.all(rays[..., 2] == 1)
    near = confidence[:, 1] == 0  # behind the lens
    assert near.float().mean() < 0.02 and set(confidence.unique().tolist()) <= {0.0, 1.0}
    # a translation exists that puts every joint of all three poses on its ray: that of the pelvis and its distance
    A = torch.stack([rays[..., 0], rays[..., 1]], dim=-1)
    x, z = motion[..., :2], motion[..., 2:]
    # (x + T_xy) = ray (z + T_z) is linear in T
    ones, zeros = torch.ones_like(A[..., 0]), torch.zeros_like(A[..., 0])
    rows = torch.stack([torch.stack([ones, zeros, -A[..., 0]], -1), torch.stack([zeros, ones, -A[..., 1]], -1)], dim=-2)
    right = A * z - x
    keep = ~near.any(dim=1) & present.all(dim=1)
    solved = torch.linalg.lstsq(rows[keep].flatten(1, 3).double(), right[keep].flatten(1)[..., None].double())
    assert (rows[keep].flatten(1, 3).double() @ solved.solution - right[keep].flatten(1)[..., None]).abs().max() < 1e-3
    depth = solved.solution[:, 2, 0]
    assert depth.min() > 1.2 and depth.max() < 12.1 and (depth < 4).float().mean() == pytest.approx(0.5, abs=0.12)


def test_errors_are_of_the_size_that_was_asked_for(people: tuple[Tensor, Tensor]) -> None:
    motion, present = people
    noisy = replace(CLEAR, exact=0.0, noise_m=0.03, nearest_m=4.0, farthest_m=4.000001)
    rays, _, _ = draw_views(motion, present, noisy, generator())
    clear, _, _ = draw_views(motion, present, replace(noisy, exact=1.0), generator())
    error = (rays - clear)[..., :2] * 4.0
    spread = error.flatten(1).std(dim=1)
    assert spread.max() < 0.04 and spread.median() == pytest.approx(0.03 / 4, rel=0.4)
    # part of it lasts over the frames
    together = (error[:, 0] * error[:, 2]).mean() / error.square().mean()
    assert 0.3 < together < 0.7


def test_doubt_and_error_go_together(people: tuple[Tensor, Tensor]) -> None:
    motion, present = people
    doubtful = replace(CLEAR, exact=0.0, doubtful=1.0)
    rays, confidence, _ = draw_views(motion, present, doubtful, generator())
    clear, _, _ = draw_views(motion, present, replace(doubtful, noise_m=0.0, doubtful=0.0), generator())
    assert confidence.min() >= 0.0 and 0.1 < confidence[confidence > 0].min() < 0.5
    error = (rays - clear)[..., :2].norm(dim=-1)
    low, high = (confidence > 0) & (confidence < 0.5), confidence > 0.9
    assert error[low].mean() > 1.5 * error[high].mean()


def test_neighbours_and_limbs_go_missing(people: tuple[Tensor, Tensor]) -> None:
    motion, present = people
    _, alone, _ = draw_views(motion, present, replace(CLEAR, alone=1.0), generator())
    assert not alone[:, [0, 2]].any() and (alone[:, 1] > 0).float().mean() > 0.9
    _, past, _ = draw_views(motion, present, replace(CLEAR, past=1.0), generator())
    assert not past[:, 2].any() and past[:, 0].any(dim=1).float().mean() > 0.6
    _, absent, _ = draw_views(
        motion, torch.zeros_like(present).index_fill(1, torch.tensor(1), True), CLEAR, generator()
    )
    assert not absent[:, [0, 2]].any()
    _, hidden, _ = draw_views(motion, present, replace(CLEAR, hidden=1.0), generator())
    gone = hidden[:, 1] == 0
    assert 0.15 < gone.float().mean() < 0.7 and gone[:, 13].float().mean() > gone[:, 12].float().mean() - 0.05
    assert gone[:, 13].float().mean() > gone[:, 0].float().mean()


def as_from_coco(plane: Tensor, confidence: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``to_h36m17`` of a detector that sees the limbs, and the face where it belongs for nose and head top."""
    thorax = plane[:, H36M_17.index("thorax")]
    keypoints, sure = np.zeros((len(plane), 17, 2), np.float32), np.zeros((len(plane), 17), np.float32)
    face = {"nose": ("nose", NOSE_FROM_THORAX)} | {
        f"{side}_ear": ("head_top", HEAD_TOP_FROM_THORAX) for side in ("left", "right")
    }
    for index, name in enumerate(COCO_17.joints):
        if name in face:
            joint, share = H36M_17.index(face[name][0]), face[name][1]
            keypoints[:, index] = thorax + (plane[:, joint] - thorax) / share
        elif name in H36M_17.joints:
            joint = H36M_17.index(name)
            keypoints[:, index] = plane[:, joint]
        else:
            continue
        sure[:, index] = confidence[:, joint]
    times = np.arange(len(plane))
    return to_h36m17(PersonTrack2D(1, times, times / 30.0, keypoints, sure, COCO_17.name))


def test_derived_joints_lie_where_those_of_coco_keypoints_are_placed(people: tuple[Tensor, Tensor]) -> None:
    motion, present = people
    some = replace(CLEAR, doubtful=1.0, hidden=0.3, noise_m=0.0, face_m=0.0)
    (plain, sure, _), (derived, trusted, _) = (
        draw_views(motion, present, replace(some, derived=share), generator()) for share in (0.0, 1.0)
    )
    flat = [value.flatten(0, 1) for value in (plain[..., :2], sure, derived[..., :2], trusted)]
    keypoints, confidence = as_from_coco(flat[0], flat[1])
    np.testing.assert_allclose(flat[3].numpy(), confidence, atol=1e-6)
    seen = confidence > 0
    assert 0.5 < seen.mean() < 1
    np.testing.assert_allclose(flat[2].numpy()[seen], keypoints[seen], atol=1e-5)
    moved = (derived - plain).norm(dim=-1).flatten(0, 1)[torch.from_numpy(seen)]
    assert moved.max() > 0.01


def test_a_share_of_people_is_derived_and_their_faces_are_off(people: tuple[Tensor, Tensor]) -> None:
    motion, present = people
    near = replace(CLEAR, nearest_m=3.0, farthest_m=3.000001)
    plain, _, _ = draw_views(motion, present, near, generator())
    half, _, _ = draw_views(motion, present, replace(near, derived=0.5, face_m=0.0), generator())
    spine = H36M_17.index("spine")
    changed = ((half - plain)[:, :, spine].norm(dim=-1) > 1e-5).float()
    assert changed.mean() == pytest.approx(0.5, abs=0.12)
    # for all frames of a window or for none
    assert set(changed.mean(dim=1).tolist()) <= {0.0, 1.0}
    exact, off = (
        draw_views(motion, present, replace(near, derived=1.0, face_m=spread), generator())[0] for spread in (0.0, 0.03)
    )
    error = 3.0 * (off - exact)[..., :2]
    limbs = [joint for joint, name in enumerate(H36M_17.joints) if name not in ("nose", "head_top")]
    assert error[:, :, limbs].abs().max() == 0
    for name, share in (("nose", NOSE_FROM_THORAX), ("head_top", HEAD_TOP_FROM_THORAX)):
        of_face = error[:, :, H36M_17.index(name)]
        assert of_face.std() == pytest.approx(0.03 * share, rel=0.15)
        assert torch.allclose(of_face[:, 0], of_face[:, 2], atol=1e-6)


@pytest.mark.slow
def test_ankles_and_wrists_lie_where_such_detectors_have_them(people: tuple[Tensor, Tensor]) -> None:
    motion, present = people
    ends = replace(CLEAR, nearest_m=3.0, farthest_m=3.000001, ankles_up=0.1, wrists_out=0.2)
    _, _, same = draw_views(motion, present, ends, generator())
    assert torch.equal(same, motion)
    rays, _, moved = draw_views(motion, present, replace(ends, derived=1.0, face_m=0.0), generator())
    for first, second, factor in (("knee", "ankle", 0.9), ("elbow", "wrist", 1.2)):
        for side in ("left", "right"):
            middle, end = (H36M_17.index(f"{side}_{name}") for name in (first, second))
            before, after = (poses[..., end, :] - poses[..., middle, :] for poses in (motion, moved))
            torch.testing.assert_close(after, factor * before)
    others = [joint for joint, name in enumerate(H36M_17.joints) if not name.endswith(("ankle", "wrist"))]
    assert torch.equal(moved[..., others, :], motion[..., others, :])
    # and that is what the picture shows
    plain, _, _ = draw_views(
        moved, present, replace(ends, derived=1.0, face_m=0.0, ankles_up=0, wrists_out=0), generator()
    )
    torch.testing.assert_close(rays, plain)
    some = draw_views(motion, present, replace(ends, derived=0.5), generator())[2]
    changed = (some - motion).abs().amax(dim=(2, 3)) > 0
    assert changed.float().mean() == pytest.approx(0.5, abs=0.12) and torch.equal(changed[:, 0], changed[:, 2])


def test_joints_stay_hidden_and_groups_go_together(people: tuple[Tensor, Tensor]) -> None:
    motion, present = (value.repeat_interleave(5, dim=0) for value in people)
    _, hidden, _ = draw_views(motion, present, replace(CLEAR, hidden=0.4), generator())
    gone = hidden == 0
    # single joints are gone from all frames, whatever group they are of
    throughout = gone.all(dim=1)
    assert throughout.float().mean(dim=0).min() > 0.04
    middle = gone[:, 1].float()
    for one, other in ((3, 6), (9, 10), (13, 16)):
        together = (middle[:, one] * middle[:, other]).mean()
        assert together > middle[:, one].mean() * middle[:, other].mean() + 0.05


@pytest.mark.parametrize("share", [0.4, 1.0])
def test_an_edge_cuts_people_off(people: tuple[Tensor, Tensor], share: float) -> None:
    motion, present = people
    rays, confidence, _ = draw_views(motion, present, replace(CLEAR, cut=share), generator())
    plain, clear, _ = draw_views(motion, present, CLEAR, generator())
    torch.testing.assert_close(rays, plain)
    lost = (confidence == 0) & (clear > 0)
    cut = lost[:, 1].any(dim=1)
    assert cut.float().mean() == pytest.approx(share, abs=0.1)
    at_most = lost[:, 1].float().mean(dim=1)
    assert at_most.max() < 0.66
    ways = torch.tensor([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0], [0.0, -1.0]])
    along = plain[..., :2] @ ways.T
    # nobody is behind the lens and no neighbour is missing altogether
    clean = (
        cut & (clear[:, 1] > 0).all(dim=1) & (confidence > 0).any(dim=2).all(dim=1) & (clear > 0).all(dim=2).all(dim=1)
    )
    beyond = along.masked_fill(~lost[..., None], torch.inf).amin(dim=(1, 2))
    within = along.masked_fill(lost[..., None], -torch.inf).amax(dim=(1, 2))
    # one straight edge, the same in all frames, has what is lost on one side and what is seen on the other
    split = (beyond > within - 1e-5)[clean]
    assert split.any(dim=1).all() and split[:, 0].float().mean() > 0.4 and (split.any(dim=0)).sum() >= 3
