from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest

from detectors.layouts import H36M_17
from detectors.people import Person2D, PersonTrack2D
from detectors.tracking.link import track_people

Standing = Callable[..., Person2D]
Walk = Callable[[float], Person2D | None]


def _shaken(person: Person2D, rng: np.random.Generator, px: float = 3.0) -> Person2D:
    noise = rng.normal(0, px, person.keypoints_px.shape)
    return replace(
        person,
        keypoints_px=(person.keypoints_px + noise).astype(np.float32),
        box=(person.box + rng.normal(0, px, 4)).astype(np.float32),
    )


def _video(times: Iterable[float], *walks: Walk, seed: int = 0) -> list[tuple[int, float, list[Person2D]]]:
    """Noisy detections of people, in changing order; a walk gives None where its person is not detected."""
    rng = np.random.default_rng(seed)
    frames = []
    for index, time in enumerate(times):
        people = [_shaken(person, rng) for walk in walks if (person := walk(time)) is not None]
        rng.shuffle(people)  # type: ignore[arg-type]
        frames.append((index, time, people))
    return frames


def _seconds(length: float, fps: float = 30.0) -> np.ndarray:
    return np.arange(round(length * fps)) / fps


def _follows(track: PersonTrack2D, walk: Callable[[float], Person2D]) -> bool:
    """Whether every pose of the track is that of the walker."""
    expected = np.stack([walk(time).keypoints_px for time in track.time_s])
    return bool(np.linalg.norm(track.keypoints_px - expected, axis=-1).max() < 25)


@pytest.mark.slow
def test_nobody_gives_no_track() -> None:
    assert track_people([]) == []
    assert track_people((k, k / 30, ()) for k in range(10)) == []


def test_one_person_is_one_track_with_all_that_was_detected(standing: Standing) -> None:
    frames = _video(_seconds(2), lambda t: standing(300 + 100 * t))
    (track,) = track_people(frames)
    assert track.track_id == 1 and track.layout == "coco-17"
    assert np.array_equal(track.frame_index, np.arange(60))
    assert np.allclose(track.time_s, _seconds(2))
    assert np.array_equal(track.keypoints_px, np.stack([people[0].keypoints_px for _, _, people in frames]))
    assert np.array_equal(track.boxes, np.stack([people[0].box for _, _, people in frames]))
    assert np.allclose(track.confidence, 0.7)


def test_ids_count_from_one_in_order_of_appearance(standing: Standing) -> None:
    frames = _video(
        _seconds(3),
        lambda t: standing(900) if t >= 2 else None,
        lambda t: standing(300) if t >= 1 else None,
        lambda t: standing(600),
    )
    tracks = track_people(frames)
    assert [track.track_id for track in tracks] == [1, 2, 3]
    assert [int(track.frame_index[0]) for track in tracks] == [0, 30, 60]
    assert [round(float(track.keypoints_px[:, 0, 0].mean()), -2) for track in tracks] == [600, 300, 900]


@pytest.mark.parametrize("hidden", [0.0, 0.4, 0.8], ids="hidden for {} s".format)
@pytest.mark.parametrize("seed", range(3))
def test_people_who_cross_keep_their_ids(standing: Standing, hidden: float, seed: int) -> None:
    def right(t: float) -> Person2D:
        return standing(100 + 250 * t, 450, 400)

    def left(t: float) -> Person2D:
        return standing(1100 - 250 * t, 430, 370)

    frames = _video(_seconds(4), right, lambda t: left(t) if abs(t - 2.0) >= hidden / 2 else None, seed=seed)
    tracks = track_people(frames)
    assert len(tracks) == 2
    walkers = (right, left) if _follows(tracks[0], right) else (left, right)
    assert all(_follows(track, walk) for track, walk in zip(tracks, walkers, strict=True))


def test_people_who_meet_and_turn_back_keep_their_ids(standing: Standing) -> None:
    def one(t: float) -> Person2D:
        return standing(600 - 200 * abs(t - 2.0) - 60, 450, 400)

    def other(t: float) -> Person2D:
        return standing(600 + 200 * abs(t - 2.0) + 60, 450, 400)

    tracks = track_people(_video(_seconds(4), one, other))
    assert len(tracks) == 2
    walkers = (one, other) if _follows(tracks[0], one) else (other, one)
    assert all(_follows(track, walk) for track, walk in zip(tracks, walkers, strict=True))


@pytest.mark.parametrize("speed", [0, 200])
def test_a_person_hidden_for_a_second_keeps_the_id_and_the_gap_stays_a_gap(standing: Standing, speed: float) -> None:
    frames = _video(_seconds(4), lambda t: None if 1.5 <= t < 2.5 else standing(200 + speed * t))
    (track,) = track_people(frames)
    assert not ((track.time_s >= 1.5) & (track.time_s < 2.5)).any()
    assert len(track) == 90


def test_somebody_else_at_another_place_is_another_person(standing: Standing) -> None:
    frames = _video(
        _seconds(4),
        lambda t: standing(200) if t < 1.5 else None,
        lambda t: standing(1500) if t >= 2.0 else None,
    )
    assert [len(track) for track in track_people(frames)] == [45, 60]


def test_a_person_away_for_longer_than_the_longest_gap_gets_a_new_id(standing: Standing) -> None:
    frames = _video(_seconds(5), lambda t: None if 1 <= t < 3 else standing(300))
    assert len(track_people(frames)) == 2
    assert len(track_people(frames, longest_gap_s=2.5)) == 1


def test_missed_detections_do_not_break_tracks(standing: Standing) -> None:
    rng = np.random.default_rng(3)
    frames = _video(
        _seconds(4),
        lambda t: standing(200 + 150 * t) if rng.random() > 0.3 else None,
        lambda t: standing(900 - 50 * t, 440, 350) if rng.random() > 0.3 else None,
    )
    tracks = track_people(frames)
    assert len(tracks) == 2
    assert sum(map(len, tracks)) == sum(len(people) for _, _, people in frames)


def test_frames_without_people_may_be_left_out(standing: Standing) -> None:
    frames = _video(_seconds(3), lambda t: None if 1 <= t < 1.7 else standing(200 + 100 * t))
    whole, sparse = track_people(frames), track_people(frame for frame in frames if frame[2])
    assert len(whole) == len(sparse) == 1
    assert np.array_equal(whole[0].frame_index, sparse[0].frame_index)


def test_uneven_frame_times_do_no_harm(standing: Standing) -> None:
    # 60 frames/s, then 10, then 2: at 2 frames/s a walker moves half a body height between frames
    times = np.concatenate([np.arange(0, 1, 1 / 60), np.arange(1, 3, 0.1), np.arange(3, 6, 0.5)])

    def right(t: float) -> Person2D:
        return standing(100 + 200 * t, 450, 400)

    def left(t: float) -> Person2D:
        return standing(1900 - 200 * t, 450, 380)

    tracks = track_people(_video(times, right, left))
    assert len(tracks) == 2
    assert [len(track) for track in tracks] == [len(times)] * 2
    walkers = (right, left) if _follows(tracks[0], right) else (left, right)
    assert all(_follows(track, walk) for track, walk in zip(tracks, walkers, strict=True))


def test_a_short_unsure_appearance_is_dropped_and_a_short_sure_one_kept(standing: Standing) -> None:
    def flash(score: float) -> Walk:
        return lambda t: standing(1200, 400, 150, score=score) if 1.0 <= t < 1.15 else None

    somebody: Walk = lambda t: standing(300)  # noqa: E731
    assert [len(track) for track in track_people(_video(_seconds(2), somebody, flash(0.35)))] == [60]
    assert [len(track) for track in track_people(_video(_seconds(2), somebody, flash(0.7)))] == [60, 5]


def test_a_still_picture_with_a_clear_person_has_a_track(standing: Standing) -> None:
    (track,) = track_people([(0, 0.0, [standing()])])
    assert len(track) == 1


def test_doubtful_poses_count_only_between_better_ones(standing: Standing) -> None:
    def walk(t: float) -> Person2D:
        return standing(300 + 50 * t, score=0.2 if 1.0 <= t < 1.5 or t >= 3.0 else 0.7)

    (track,) = track_people(_video(_seconds(6), walk))
    assert np.array_equal(track.frame_index, np.arange(90))
    assert track_people(_video(_seconds(2), lambda t: standing(score=0.2))) == []


def test_frames_out_of_order_are_refused(standing: Standing) -> None:
    with pytest.raises(ValueError, match=r"frame 3 .* after frame 4"):
        track_people([(4, 0.1, [standing()]), (3, 0.2, [standing()])])
    with pytest.raises(ValueError, match=r"at 0\.100 s comes after frame 4"):
        track_people([(4, 0.2, [standing()]), (5, 0.1, [standing()])])


def test_people_in_two_layouts_are_refused(standing: Standing) -> None:
    other = replace(standing(), layout=H36M_17.name)
    with pytest.raises(ValueError, match=r"coco-17 and h36m-17 cannot be mixed"):
        track_people([(0, 0.0, [standing()]), (1, 0.1, [other])])


def test_nobody_is_followed_through_a_cut(standing: Standing) -> None:
    """Somebody else stands at the same place after it; each shot is tracked as it would be alone."""
    frames = _video(_seconds(2), lambda t: standing(300 + 20 * t), lambda t: standing(700) if t < 1.4 else None)
    tracks = track_people(frames, cuts=[30])
    assert [track.track_id for track in tracks] == [1, 2, 3, 4]
    assert sorted((track.frame_index[0], len(track)) for track in tracks) == [(0, 30), (0, 30), (30, 12), (30, 30)]
    for shot, its in ((frames[:30], tracks[:2]), (frames[30:], tracks[2:])):
        for alone, track in zip(track_people(shot), its, strict=True):
            assert np.array_equal(alone.keypoints_px, track.keypoints_px)


def test_cuts_in_which_nobody_is_seen_do_no_harm(standing: Standing) -> None:
    frames = _video(_seconds(1), lambda t: standing(300))
    assert [len(track) for track in track_people(frames, cuts=[0, 40, 50])] == [30]
    assert [len(track) for track in track_people(frames[:10] + frames[20:], cuts=[12, 14, 16])] == [10, 10]


@pytest.mark.parametrize("step", [1.6, 60.0])
def test_time_without_frames_is_no_absence(standing: Standing, step: float) -> None:
    """A time lapse of two people who move about, one of whom is missed in two frames, and who comes later."""
    places = np.random.default_rng(0).uniform(-60, 60, (12, 2))

    def at(x: float, which: int, without: tuple[int, ...] = ()) -> Walk:
        return lambda t: None if (k := round(t / step)) in without else standing(x + places[k, which])

    frames = _video(np.arange(12) * step, at(300, 0, (4, 5)), at(1200, 1), at(1700, 0, tuple(range(6))))
    tracks = track_people(frames)
    assert sorted(len(track) for track in tracks) == [6, 10, 12]
    assert all(np.isin(track.time_s, np.arange(12) * step).all() for track in tracks)


def test_a_pause_in_the_times_of_a_recording_is_no_absence(standing: Standing) -> None:
    times = np.concatenate([_seconds(1), 31 + _seconds(1)])
    (track,) = track_people(_video(times, lambda t: standing(300 + 5 * t)))
    assert len(track) == 60
    # Somebody else, who stands elsewhere after it, is somebody else.
    frames = _video(times, lambda t: standing(300) if t < 10 else None, lambda t: standing(1500) if t > 10 else None)
    assert len(track_people(frames)) == 2


def test_frames_without_people_are_absence_even_if_they_are_left_out(standing: Standing) -> None:
    frames = _video(np.arange(12) * 1.6, lambda t: None if 3 <= t < 12 else standing(300))
    assert len(track_people(frames)) == len(track_people(frame for frame in frames if frame[2])) == 2
