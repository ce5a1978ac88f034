from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from detectors import layouts
from detectors.h36m import to_h36m17
from detectors.layouts import COCO_17, COCO_WHOLEBODY_133, H36M_17, HALPE_26, KeypointLayout
from detectors.people import Person2D, PersonTrack2D


def _track(keypoints: np.ndarray, confidence: np.ndarray, layout: str = COCO_17.name) -> PersonTrack2D:
    frames = len(keypoints)
    return PersonTrack2D(
        track_id=1,
        frame_index=np.arange(frames),
        time_s=np.arange(frames) / 30,
        keypoints_px=keypoints.astype(np.float32),
        confidence=confidence.astype(np.float32),
        layout=layout,
    )


@pytest.fixture
def coco(standing: Callable[..., Person2D]) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints [3, 17, 2] and confidence [3, 17] of somebody who walks to the right, a little askew."""
    people = [standing(300 + 10 * k, lean_deg=8) for k in range(3)]
    return np.stack([p.keypoints_px for p in people]), np.full((3, 17), 0.9, np.float32)


def _at(values: np.ndarray, name: str) -> np.ndarray:
    return values[:, H36M_17.index(name)]


def test_limbs_are_taken_over_by_name(coco: tuple[np.ndarray, np.ndarray]) -> None:
    keypoints, confidence = coco
    confidence = confidence * np.linspace(0.5, 1.0, 17)
    mapped, sure = to_h36m17(_track(keypoints, confidence))
    for name in COCO_17.joints[5:]:
        assert np.allclose(_at(mapped, name), keypoints[:, COCO_17.index(name)])
        assert np.allclose(_at(sure, name), confidence[:, COCO_17.index(name)])


def test_central_joints_lie_where_a_skeleton_has_them(coco: tuple[np.ndarray, np.ndarray]) -> None:
    keypoints, confidence = coco
    mapped, _ = to_h36m17(_track(keypoints, confidence))
    hips, shoulders = keypoints[:, [11, 12]].mean(axis=1), keypoints[:, [5, 6]].mean(axis=1)
    trunk = shoulders - hips
    assert np.allclose(_at(mapped, "pelvis"), hips, atol=1e-3)
    along = {
        name: ((_at(mapped, name) - hips) * trunk).sum(axis=1) / (trunk**2).sum(axis=1)
        for name in ("spine", "thorax", "nose", "head_top")
    }
    assert np.all(np.abs(along["spine"] - 0.5) < 0.05)
    assert np.all((along["thorax"] > 1.0) & (along["thorax"] < 1.15))
    assert np.all(along["thorax"] < along["nose"]) and np.all(along["nose"] < along["head_top"])


def test_halpe_joints_of_the_middle_are_taken_as_they_are(standing: Callable[..., Person2D]) -> None:
    person = standing(300)
    middle = np.array(
        [(310, 60), (305, 120), (302, 250)], np.float32
    )  # head, neck, hip: not where they would be derived
    feet = np.tile(person.keypoints_px[[15]], (6, 1))
    keypoints = np.concatenate([person.keypoints_px, middle, feet])[None]
    confidence = np.full((1, len(HALPE_26)), 0.8)
    mapped, sure = to_h36m17(_track(keypoints, confidence, HALPE_26.name))
    for name, place in zip(("head_top", "thorax", "pelvis"), middle, strict=True):
        assert np.allclose(_at(mapped, name), place) and np.allclose(_at(sure, name), 0.8)
    for name in COCO_17.joints[5:]:
        assert np.allclose(_at(mapped, name), keypoints[:, HALPE_26.index(name)])
    # the nose of Human3.6M lies between thorax and face
    assert np.all(_at(mapped, "nose")[:, 1] > keypoints[:, 0, 1]) and np.all(_at(mapped, "nose")[:, 1] < 120)


def test_whole_body_keypoints_are_mapped_as_those_of_coco(coco: tuple[np.ndarray, np.ndarray]) -> None:
    keypoints, confidence = coco
    more = len(COCO_WHOLEBODY_133) - 17
    full = np.concatenate([keypoints, np.zeros((3, more, 2), np.float32)], axis=1)
    sure = np.concatenate([confidence, np.full((3, more), 0.1, np.float32)], axis=1)
    for ours, theirs in zip(
        to_h36m17(_track(full, sure, COCO_WHOLEBODY_133.name)), to_h36m17(_track(keypoints, confidence)), strict=True
    ):
        assert np.allclose(ours, theirs)


def test_joints_that_were_derived_are_less_certain_than_those_that_were_seen(
    coco: tuple[np.ndarray, np.ndarray],
) -> None:
    _, sure = to_h36m17(_track(*coco))
    assert np.allclose(_at(sure, "left_knee"), 0.9)
    for name in ("spine", "thorax", "nose", "head_top"):
        assert np.all(_at(sure, name) < 0.85) and np.all(_at(sure, name) > 0.0)
    assert np.all(_at(sure, "spine") < _at(sure, "thorax"))


def test_a_derived_joint_is_at_most_as_certain_as_its_least_certain_source(
    coco: tuple[np.ndarray, np.ndarray],
) -> None:
    keypoints, confidence = coco
    confidence[1, COCO_17.index("left_hip")] = 0.2
    _, sure = to_h36m17(_track(keypoints, confidence))
    assert sure[1, H36M_17.index("pelvis")] <= 0.2001
    assert sure[1, H36M_17.index("spine")] <= 0.2001
    assert sure[0, H36M_17.index("pelvis")] == pytest.approx(0.9)


@pytest.mark.parametrize("hips", [0.0, 0.08, np.nan])
def test_somebody_at_a_desk_has_a_thorax_and_a_head(coco: tuple[np.ndarray, np.ndarray], hips: float) -> None:
    keypoints, confidence = coco
    whole, whole_sure = to_h36m17(_track(keypoints, confidence))
    below = [COCO_17.index(f"{side}_{part}") for side in ("left", "right") for part in ("hip", "knee", "ankle")]
    confidence = confidence.copy()
    confidence[:, below] = hips
    keypoints = keypoints.copy()
    keypoints[:, below] = np.nan if hips == 0.0 else keypoints[:, below] + 500.0
    mapped, sure = to_h36m17(_track(keypoints, confidence))
    shoulders = keypoints[:, [5, 6]].mean(axis=1)
    np.testing.assert_allclose(_at(mapped, "thorax"), shoulders, atol=1e-3)
    np.testing.assert_allclose(_at(sure, "thorax"), 0.75 * _at(whole_sure, "thorax"), rtol=1e-6)
    for name in ("nose", "head_top"):
        assert np.linalg.norm(_at(mapped, name) - _at(whole, name), axis=-1).max() < 10
        assert np.all(_at(sure, name) > 0.7 * _at(whole_sure, name))
    assert np.all(_at(sure, "spine") < 0.1) and np.all(_at(sure, "pelvis") < 0.1)


def test_the_thorax_does_not_jump_as_hips_come_into_view(coco: tuple[np.ndarray, np.ndarray]) -> None:
    keypoints, confidence = (value[:1].repeat(50, axis=0) for value in coco)
    hips = [COCO_17.index(f"{side}_hip") for side in ("left", "right")]
    confidence[:, hips] = np.linspace(0.0, 0.5, 50)[:, None]
    mapped, sure = to_h36m17(_track(keypoints, confidence))
    way = _at(mapped, "thorax")[:, 1]
    trunk = keypoints[0, [5, 6], 1].mean() - keypoints[0, [11, 12], 1].mean()
    assert way[-1] - way[0] == pytest.approx(0.061 * trunk, rel=1e-3)
    assert np.abs(np.diff(way)).max() < 0.01 * abs(trunk) and np.all(np.diff(_at(sure, "thorax")) > -1e-9)


def test_what_was_not_seen_has_no_place_and_no_confidence(coco: tuple[np.ndarray, np.ndarray]) -> None:
    keypoints, confidence = coco
    keypoints[0, COCO_17.index("right_wrist")] = np.nan  # claimed, but nowhere
    confidence[1, COCO_17.index("left_ankle")] = 0.0
    confidence[2, COCO_17.index("left_shoulder")] = np.nan
    mapped, sure = to_h36m17(_track(keypoints, confidence))
    assert np.array_equal(np.isfinite(mapped).all(axis=-1), sure > 0)
    gone = {(int(t), H36M_17.joints[j]) for t, j in np.argwhere(sure == 0)}
    assert {(0, "right_wrist"), (1, "left_ankle"), (2, "left_shoulder"), (2, "thorax"), (2, "spine")} <= gone
    assert (2, "pelvis") not in gone and (0, "left_wrist") not in gone


def test_one_hidden_ear_leaves_the_head_where_the_other_says(coco: tuple[np.ndarray, np.ndarray]) -> None:
    keypoints, confidence = coco
    confidence[:, COCO_17.index("left_ear")] = 0.0
    keypoints[:, COCO_17.index("left_ear")] = np.nan
    mapped, sure = to_h36m17(_track(keypoints, confidence))
    assert np.all(_at(sure, "head_top") > 0) and np.isfinite(_at(mapped, "head_top")).all()


def test_the_h36m_layout_is_passed_through() -> None:
    rng = np.random.default_rng(0)
    keypoints, confidence = rng.uniform(0, 500, (4, 17, 2)).astype(np.float32), rng.uniform(0.1, 1, (4, 17))
    mapped, sure = to_h36m17(_track(keypoints, confidence, H36M_17.name))
    assert np.array_equal(mapped, keypoints)
    assert np.allclose(sure, confidence)


def _register(monkeypatch: pytest.MonkeyPatch, name: str, joints: tuple[str, ...]) -> str:
    monkeypatch.setitem(layouts.LAYOUTS, name, KeypointLayout(name, joints, ()))
    return name


def test_a_layout_in_another_order_and_with_other_names_gives_the_same(
    coco: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    keypoints, confidence = coco
    order = np.random.default_rng(1).permutation(17)
    neck = keypoints[:, [5, 6]].mean(axis=1, keepdims=True)
    name = _register(monkeypatch, "shuffled", (*(COCO_17.joints[j] for j in order), "neck"))
    mapped, sure = to_h36m17(
        _track(
            np.concatenate([keypoints[:, order], neck], axis=1),
            np.concatenate([confidence[:, order], np.full((3, 1), 0.7)], axis=1),
            name,
        )
    )
    plain, _ = to_h36m17(_track(keypoints, confidence))
    for joint in ("left_elbow", "right_ankle", "pelvis", "spine"):
        assert np.allclose(_at(mapped, joint), _at(plain, joint), atol=1e-3)
    assert np.allclose(_at(mapped, "thorax"), neck[:, 0]) and np.allclose(_at(sure, "thorax"), 0.7)


def test_a_layout_without_hips_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    name = _register(monkeypatch, "bust", COCO_17.joints[:11])
    with pytest.raises(ValueError, match="bust has no left_hip, right_hip"):
        to_h36m17(_track(np.zeros((1, 11, 2)), np.ones((1, 11)), name))


def test_a_layout_without_feet_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    name = _register(monkeypatch, "footless", COCO_17.joints[:15])
    with pytest.raises(ValueError, match="footless has no right_ankle, left_ankle"):
        to_h36m17(_track(np.zeros((1, 15, 2)), np.ones((1, 15)), name))
