"""From 2D tracks to 3D tracks, with the shipped prior on synthetic views of a moving person."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from detectors.people import PersonTrack2D
from lifting.body.bones import mirrored_bones
from lifting.body.skeleton import bone_lengths, stature
from lifting.geometry.camera import Camera
from lifting.initial.weights import Templates
from lifting.lifter import Lifter
from lifting.metrics import mpjpe, pa_mpjpe
from lifting.optimise import reference as protocols
from lifting.prior.network import ScoreNetwork
from lifting.prior.weights import Prior
from lifting.settings import LiftSettings
from lifting.tracks import Track3D
from tests.arithmetic import rounding

CAMERA = Camera.from_fov(55.0, (640, 480), "test")
FPS = 30.0
#: few steps: these tests are about tracks, not about the last millimetre
QUICK = LiftSettings(steps=12)
ARM = [H36M_17.index("right_elbow"), H36M_17.index("right_wrist")]

Lift = Callable[..., list[Track3D]]
Make = Callable[[LiftSettings], Lifter]


@pytest.fixture(scope="module")
def walk(motion: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[120, 17, 3]`` the truth in the camera frame: somebody who moves to the right and away."""
    way = np.linspace([-0.5, 0.0, 3.8], [0.5, 0.1, 4.3], len(motion))
    return np.asarray(motion * [1.0, -1.0, -1.0] + way[:, None])


@pytest.fixture(scope="module")
def lifter(prior: Prior, templates: Templates, device: torch.device) -> Make:
    """A lifter with the shipped files and given settings."""
    mine = replace(prior, network=copy.deepcopy(prior.network))
    return lambda settings: Lifter(mine, templates, settings, device)


@pytest.fixture(scope="module")
def lift(lifter: Make) -> Lift:
    def run(*tracks: PersonTrack2D, settings: LiftSettings = QUICK, camera: Camera = CAMERA) -> list[Track3D]:
        return lifter(settings).lift(tracks, camera).tracks

    return run


@pytest.fixture
def short_adam(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published start with a tenth of its steps: what is tested with it comes afterwards."""
    monkeypatch.setattr(protocols, "adam_ipo", partial(protocols.adam_ipo, steps=50))


@pytest.fixture(scope="module")
def plain(lift: Lift, walk: NDArray[np.float64]) -> Track3D:
    """The first 48 frames, all joints seen."""
    return lift(seen(walk[:48]))[0]


def seen(
    truth: NDArray[np.float64], track_id: int = 1, frames: NDArray[np.int64] | None = None, noise_px: float = 0.0
) -> PersonTrack2D:
    """What a detector of great confidence reports of the truth ``[T, 17, 3]``, at 30 fps from frame 10 on."""
    pixels = CAMERA.project(truth)
    pixels += np.random.default_rng(track_id).normal(size=pixels.shape) * noise_px
    frames = 10 + np.arange(len(truth)) if frames is None else frames
    confidence = np.full(pixels.shape[:2], 0.9, np.float32)
    return PersonTrack2D(track_id, frames, frames / FPS, pixels.astype(np.float32), confidence, H36M_17.name)


def hiding(track: PersonTrack2D, rows: slice, joints: list[int] | slice) -> PersonTrack2D:
    """The track with joints not observed in some rows."""
    keypoints, confidence = track.keypoints_px.copy(), track.confidence.copy()
    keypoints[rows, joints], confidence[rows, joints] = np.nan, 0.0
    return replace(track, keypoints_px=keypoints, confidence=confidence)


def only(track: PersonTrack2D, rows: NDArray[np.int64]) -> PersonTrack2D:
    """Some rows of the track; the others were not detected."""
    names = ("frame_index", "time_s", "keypoints_px", "confidence", "boxes")
    return replace(track, **{name: getattr(track, name)[rows] for name in names})


def jerkiness(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[T - 2]`` mean length of the second differences, metres."""
    return np.asarray(np.linalg.norm(np.diff(joints, n=2, axis=0), axis=-1).mean(axis=1))


def test_the_person_is_found_again(plain: Track3D, walk: NDArray[np.float64]) -> None:
    truth = walk[:48]
    assert np.median(pa_mpjpe(plain.joints_m, truth)) < 0.06
    assert np.median(mpjpe(plain.joints_m, truth)) < 0.1
    # the picture agrees to about a pixel, and the distance as far as body size and posture are guessed well
    off = np.linalg.norm(CAMERA.project(plain.raw_joints_m) - CAMERA.project(truth), axis=-1)
    assert np.median(off) < 2.0
    scale = bone_lengths(plain.joints_m).sum(-1).mean() / bone_lengths(truth).sum(-1).mean()
    assert (plain.joints_m[:, 0, 2] / truth[:, 0, 2]).mean() == pytest.approx(scale, rel=0.06)


def test_rows_are_those_of_the_video(plain: Track3D, walk: NDArray[np.float64]) -> None:
    track = seen(walk[:48])
    assert plain.track_id == 1 and plain.frame_index.tolist() == list(range(10, 58))
    assert np.allclose(plain.time_s, track.time_s) and np.allclose(plain.boxes, track.boxes)
    assert np.allclose(plain.keypoints_px, track.keypoints_px) and np.allclose(plain.confidence, 0.9)
    assert plain.seen.all() and not plain.imputed.any()
    assert (plain.sigma_m > 0).all()


def test_lifting_is_deterministic(lift: Lift, plain: Track3D, walk: NDArray[np.float64]) -> None:
    assert np.array_equal(lift(seen(walk[:48]))[0].joints_m, plain.joints_m)


def test_frames_without_detection_are_gaps(lift: Lift, walk: NDArray[np.float64]) -> None:
    rows = np.delete(np.arange(40), [5, *range(18, 30)])
    track = lift(only(seen(walk[:40]), rows))[0]
    assert len(track) == 40 and track.frame_index.tolist() == list(range(10, 50))
    assert np.allclose(track.time_s, np.arange(10, 50) / FPS)
    gap = np.ones(40, bool)
    gap[rows] = False
    assert np.array_equal(track.seen, ~gap)
    for values in (track.joints_m, track.raw_joints_m, track.sigma_m, track.keypoints_px, track.boxes):
        assert np.isnan(values[gap]).all() and np.isfinite(values[~gap]).all()
    assert track.imputed[gap].all() and (track.confidence[gap] == 0).all()
    assert np.median(pa_mpjpe(track.joints_m[~gap], walk[:40][~gap])) < 0.07


def test_frames_with_too_few_joints_are_gaps(lift: Lift, walk: NDArray[np.float64]) -> None:
    few = QUICK.least_joints - 1
    track = hiding(seen(walk[:12]), slice(4, 6), slice(few, None))
    # just enough joints are enough; a track does not start or end with a gap
    track = hiding(hiding(track, slice(7, 8), slice(few + 1, None)), slice(0, 2), slice(0, 17))
    lifted = lift(track)[0]
    assert lifted.frame_index.tolist() == list(range(12, 22))
    assert np.flatnonzero(~lifted.seen).tolist() == [2, 3]


def test_nobody_comes_from_nothing(lift: Lift, walk: NDArray[np.float64]) -> None:
    assert lift() == []
    unseen = hiding(seen(walk[:4], track_id=1), slice(0, 4), slice(0, 17))
    assert lift(unseen) == []
    assert [track.track_id for track in lift(unseen, seen(walk[:4], track_id=2))] == [2]
    empty = only(seen(walk[:4], track_id=3), np.arange(0))
    assert [track.track_id for track in lift(seen(walk[:4], track_id=2), empty)] == [2]


def test_single_frames(lift: Lift, walk: NDArray[np.float64]) -> None:
    track = lift(seen(walk[30:31]), settings=LiftSettings(steps=30))[0]
    assert len(track) == 1 and pa_mpjpe(track.joints_m, walk[30:31])[0] < 0.08


def test_people_have_the_size_of_the_average_body(plain: Track3D, templates: Templates) -> None:
    sizes = bone_lengths(plain.raw_joints_m).sum(axis=-1)
    assert np.median(sizes) == pytest.approx(templates.size_m, rel=0.01)
    assert sizes.std() < 0.05 * sizes.mean()


def test_the_height_of_a_person_sets_the_size_and_keeps_the_picture(
    lift: Lift, plain: Track3D, walk: NDArray[np.float64]
) -> None:
    child = lift(seen(walk[:48]), settings=replace(QUICK, person_height_m=1.1))[0]
    assert np.median(stature(child.raw_joints_m)) == pytest.approx(1.1, rel=0.01)
    factor = child.raw_joints_m / plain.raw_joints_m
    assert np.allclose(factor, np.median(factor), rtol=1e-6) and np.median(factor) < 0.75
    assert np.allclose(CAMERA.project(child.raw_joints_m), CAMERA.project(plain.raw_joints_m))


def test_unseen_joints_are_placed_by_the_prior_and_said_to_be(
    lift: Lift, plain: Track3D, walk: NDArray[np.float64], device: torch.device
) -> None:
    track = lift(hiding(seen(walk[:48]), slice(20, 30), ARM))[0]
    hidden = np.zeros((48, 17), bool)
    hidden[20:30, ARM] = True
    assert np.array_equal(track.imputed, hidden)
    assert np.isnan(track.keypoints_px[hidden]).all() and np.isfinite(track.joints_m).all()
    lengths = bone_lengths(track.joints_m)[20:30, -2:]
    assert np.all((lengths > 0.15) & (lengths < 0.4))
    assert (track.sigma_m[hidden] > 1.2 * plain.sigma_m[hidden]).all()
    # the initialiser looks a third of a second to both sides; beyond, it knows a little less of the body
    close = partial(np.allclose, rtol=0.03, atol=rounding(np.median(plain.sigma_m), device))
    for rows in (slice(0, 10), slice(40, 48)):
        assert close(track.sigma_m[rows], plain.sigma_m[rows])
    assert not close(track.sigma_m[10:20, ARM], plain.sigma_m[10:20, ARM])


def test_what_was_not_seen_has_no_influence(lift: Lift, walk: NDArray[np.float64]) -> None:
    missing = hiding(seen(walk[:10]), slice(0, 10), ARM)
    wild = missing.keypoints_px.copy()
    wild[:, ARM] = -5000.0
    assert np.array_equal(lift(missing)[0].joints_m, lift(replace(missing, keypoints_px=wild))[0].joints_m)


def test_doubt_grows_as_confidence_falls(lift: Lift, walk: NDArray[np.float64]) -> None:
    sure = seen(walk[:6])
    doubtful = replace(sure, confidence=sure.confidence * np.float32(0.4))
    less, more = lift(doubtful)[0].sigma_m, lift(sure)[0].sigma_m
    assert (less > more).mean() > 0.8 and less.mean() > 1.05 * more.mean()


@pytest.mark.slow
def test_people_do_not_influence_each_other(
    lift: Lift, plain: Track3D, walk: NDArray[np.float64], device: torch.device
) -> None:
    other = seen(walk[48:110], track_id=2)
    for tracks in ((seen(walk[:48]), other), (other, seen(walk[:48]))):
        beside = next(track for track in lift(*tracks) if track.track_id == 1)
        # sums are in another order for another number of rows
        assert np.abs(beside.raw_joints_m - plain.raw_joints_m).max() < rounding(1.0, device)
    assert [track.track_id for track in lift(other, seen(walk[:48]))] == [2, 1]


@pytest.mark.slow
@pytest.mark.parametrize(("bones", "jump_m", "apart_m"), [(0.4, 0.01, 0.03), (0.0, 4e-4, 4e-4)])
def test_windows_join_without_a_jump(
    lift: Lift, walk: NDArray[np.float64], bones: float, jump_m: float, apart_m: float
) -> None:
    track, settings = seen(walk, noise_px=3.0), replace(QUICK, bones=bones)
    whole = lift(track, settings=settings)[0].raw_joints_m
    windowed = lift(track, settings=replace(settings, window=80, overlap=40))[0].raw_joints_m
    difference = windowed - whole
    # what jerks there are come from the noise and are those of the whole track: none are added where windows meet
    assert jerkiness(difference).max() < jump_m < 0.1 * jerkiness(whole).max()
    # a window has its own estimate of the bones and by it another distance; without, windows know the same
    assert 0 < np.linalg.norm(difference, axis=-1).mean() < apart_m


def test_windows_fade_in_the_inner_half_of_their_overlap(
    prior: Prior, templates: Templates, walk: NDArray[np.float64]
) -> None:
    # so noisy that windows differ where they overlap; from the grid and without bones they know nothing of each other
    track = seen(walk[:44], noise_px=20.0)
    rays, confidence = CAMERA.rays(track.keypoints_px), track.confidence.astype(np.float64)
    settings = replace(QUICK, steps=4, window=20, overlap=8, bones=0.0, ipo="grid")
    run = Lifter(prior, templates, settings, torch.device("cpu")).lift_rows
    whole = run(rays, confidence, track.time_s)
    windows = [run(rays[at : at + 20], confidence[at : at + 20], track.time_s[at : at + 20]) for at in (0, 12, 24)]
    for at, window, own in zip((0, 12, 24), windows, (slice(0, 12), slice(8, 12), slice(8, 20)), strict=True):
        # each has a size of its own, and the track one in the end
        window *= np.median(whole[at:][own] / window[own])
        assert np.allclose(whole[at:][own], window[own])
    for at, one, other in ((12, windows[0][12:], windows[1][:8]), (24, windows[1][12:], windows[2][:8])):
        way = (other - one).reshape(8, -1)
        gone = ((whole[at : at + 8] - one).reshape(8, -1) * way).sum(axis=1) / (way**2).sum(axis=1)
        assert gone == pytest.approx([0.0, 0.0, 0.125, 0.375, 0.625, 0.875, 1.0, 1.0], abs=1e-4)
        assert np.allclose(whole[at : at + 8], one + (gone[:, None] * way).reshape(one.shape))


@pytest.mark.slow
def test_windows_show_one_body(lift: Lift, walk: NDArray[np.float64]) -> None:
    track = lift(seen(walk, noise_px=3.0), settings=replace(QUICK, steps=4, window=40, overlap=20))[0]
    lengths = bone_lengths(track.raw_joints_m)
    assert np.allclose(lengths, lengths[0], atol=1e-9) and np.allclose(lengths, lengths[:, mirrored_bones()], atol=1e-9)
    free = lift(seen(walk, noise_px=3.0), settings=replace(QUICK, steps=4, window=40, overlap=20, bones=0.0))[0]
    assert bone_lengths(free.raw_joints_m).std(axis=0).max() > 0.005


@pytest.mark.slow
def test_windows_hold_every_length(lift: Lift, walk: NDArray[np.float64]) -> None:
    settings = replace(QUICK, steps=2, window=10, overlap=4)
    for count in (9, 10, 11, 16, 17, 35):
        track = lift(seen(walk[:count]), settings=settings)[0]
        assert len(track) == count and np.isfinite(track.joints_m).all()


def test_progress_counts_every_frame_of_everybody(
    prior: Prior, templates: Templates, walk: NDArray[np.float64]
) -> None:
    told: list[tuple[int, int]] = []
    # a CPU takes one window at a time
    lifter = Lifter(prior, templates, replace(QUICK, steps=2, window=20, overlap=8), torch.device("cpu"))
    hidden = hiding(seen(walk[:50]), slice(10, 13), slice(0, 17))
    lifter.lift([hidden, seen(walk[:7], track_id=2)], CAMERA, lambda done, total: told.append((done, total)))
    assert {total for _, total in told} == {54} and told[-1] == (54, 54)
    assert len(told) > 2 and all(a[0] <= b[0] for a, b in pairwise(told)) and 0 < told[0][0] < 54


def test_smoothing_quietens_noise_without_moving_the_person(lift: Lift, walk: NDArray[np.float64]) -> None:
    track = lift(seen(walk[:60], noise_px=3.0))[0]
    assert jerkiness(track.joints_m).mean() < 0.25 * jerkiness(track.raw_joints_m).mean()
    assert np.linalg.norm((track.joints_m - track.raw_joints_m).mean(axis=0), axis=-1).max() < 0.03
    assert mpjpe(track.joints_m, walk[:60]).mean() < mpjpe(track.raw_joints_m, walk[:60]).mean()


def test_smoothing_can_be_switched_off(lift: Lift, walk: NDArray[np.float64]) -> None:
    track = lift(seen(walk[:20], noise_px=3.0), settings=replace(QUICK, smooth_s=0.0))[0]
    assert np.array_equal(track.joints_m, track.raw_joints_m)


def test_rows_without_times_are_lifted_each_for_itself(
    lifter: Make, templates: Templates, walk: NDArray[np.float64], device: torch.device
) -> None:
    single = lifter(QUICK)
    rays, confidence = CAMERA.rays(CAMERA.project(walk[::20])), np.ones((6, 17))
    poses = single.lift_rows(rays, confidence, None)
    assert poses.shape == (6, 17, 3)
    assert np.allclose(bone_lengths(poses).sum(-1), templates.size_m)
    alone = single.lift_rows(rays[2:3], confidence[:1], None)
    # sums are in another order for another number of rows
    assert np.abs(poses[2:3] - alone).max() < rounding(1.0, device)
    order = [3, 0, 5, 1, 4, 2]
    assert np.abs(single.lift_rows(rays[order], confidence, None) - poses[order]).max() < rounding(1.0, device)


def test_neighbours_in_time_steady_each_other(lifter: Make, walk: NDArray[np.float64]) -> None:
    track = seen(walk[:48], noise_px=3.0)
    rays, confidence = CAMERA.rays(track.keypoints_px), track.confidence.astype(np.float64)
    together, single = (lifter(QUICK).lift_rows(rays, confidence, times) for times in (track.time_s, None))
    assert jerkiness(together - together[:, :1]).mean() < 0.3 * jerkiness(single - single[:, :1]).mean()


def test_rows_with_times_are_one_person(lifter: Make, walk: NDArray[np.float64], plain: Track3D) -> None:
    track = seen(walk[:48])
    poses = lifter(QUICK).lift_rows(CAMERA.rays(track.keypoints_px), track.confidence.astype(np.float64), track.time_s)
    assert np.allclose(poses, plain.raw_joints_m, atol=1e-6)


@pytest.mark.usefixtures("short_adam")
def test_the_reference_preset_does_not_look_at_neighbours(lifter: Make, walk: NDArray[np.float64]) -> None:
    reference = lifter(LiftSettings(preset="reference", steps=20))
    rays, confidence = CAMERA.rays(CAMERA.project(walk[:8])), np.ones((8, 17))
    together = reference.lift_rows(rays, confidence, np.arange(8) / FPS)
    assert np.allclose(together, reference.lift_rows(rays, confidence, None), atol=1e-3)


@pytest.mark.usefixtures("short_adam")
def test_the_reference_preset_knows_no_size_but_the_one_asked_for(
    lifter: Make, templates: Templates, walk: NDArray[np.float64]
) -> None:
    rays, confidence = CAMERA.rays(CAMERA.project(walk[:8])), np.ones((8, 17))
    settings = LiftSettings(preset="reference", steps=20)
    plain, child = (
        lifter(replace(settings, person_height_m=height)).lift_rows(rays, confidence, np.arange(8) / FPS)
        for height in (None, 1.1)
    )
    # the loop keeps the size that the start happened to have
    assert abs(np.median(bone_lengths(plain).sum(axis=-1)) / templates.size_m - 1) > 0.01
    assert np.median(stature(child)) == pytest.approx(1.1)
    assert np.ptp(child / plain) < 1e-6


def test_no_rows_are_lifted_to_none(lifter: Make) -> None:
    for time_s in (None, np.zeros(0)):
        assert lifter(QUICK).lift_rows(np.zeros((0, 17, 3)), np.zeros((0, 17)), time_s).shape == (0, 17, 3)


@pytest.mark.slow
def test_alternatives_are_chosen_by_seeded_noise(lifter: Make, walk: NDArray[np.float64]) -> None:
    # half the limbs were not seen, so that two poses are about as likely
    confidence = np.ones((8, 17))
    confidence[:, [1, 2, 3, 11, 12, 13]] = 0.0
    rays = CAMERA.rays(CAMERA.project(walk[:8]))
    settings = replace(QUICK, steps=2, alternatives=2)
    first, again, *others = (
        partial(lifter(replace(settings, seed=seed)).lift_rows, rays, confidence, None) for seed in (0, *range(12))
    )
    found = first()
    assert np.array_equal(found, again()) and any(not np.array_equal(found, other()) for other in others)


def test_the_lens_is_undone(lift: Lift, plain: Track3D, walk: NDArray[np.float64]) -> None:
    lens = replace(CAMERA, distortion=np.array([-0.25, 0.06, 0.001, -0.001]))
    track = replace(seen(walk[:48]), keypoints_px=lens.project(walk[:48]).astype(np.float32))
    assert np.median(mpjpe(lift(track, camera=lens)[0].joints_m, plain.joints_m)) < 0.01


def test_the_prior_of_the_caller_stays_where_it_is(prior: Prior, templates: Templates) -> None:
    mine = replace(prior, network=copy.deepcopy(prior.network))
    Lifter(mine, templates, QUICK, torch.device("meta"))
    assert {parameter.device.type for parameter in mine.network.parameters()} == {"cpu"}


def test_settings_that_the_files_do_not_allow(prior: Prior, templates: Templates) -> None:
    infant = replace(prior, network=ScoreNetwork(joints=12, hidden=32, embed=8), name="infant")
    with pytest.raises(ValueError, match="infant has 12 joints"):
        Lifter(infant, templates, LiftSettings(), torch.device("cpu"))
