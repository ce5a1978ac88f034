"""The motion of the camera of a run: followed beside the detector, said, or read from a file of poses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lifting.geometry.camera import Camera
from lifting.world.motion import CameraMotion
from pipeline.errors import InputError
from pipeline.files.workspace import Workspace
from pipeline.settings import RunSettings
from pipeline.stages import detect as detection
from pipeline.stages.detect import detect_people, stored_background
from pipeline.stages.motion import camera_motion, load_camera_path, read_camera_path, seen_camera, told_cuts
from tests.detectors.background.scenes import HEIGHT, WIDTH, views, wall
from tests.pipeline.conftest import write_frames
from tests.pipeline.stages.test_detect import Single

CAMERA = Camera.from_fov(40, (WIDTH, HEIGHT))


class Nobody(Single):
    """Finds nobody, and is stopped in the frame of that number."""

    def __init__(self, stop: int = -1) -> None:
        self.stop = stop

    def detect(self, image, previous=(), frame_index=0):  # type: ignore[no-untyped-def]
        if frame_index == self.stop:
            raise KeyboardInterrupt
        return []


def look(clip: Path, folder: Path, detector: Nobody) -> Workspace:
    workspace = Workspace(folder, {})
    detect_people(
        clip, detector, workspace, start_s=None, end_s=None, on_progress=lambda done: None, background=True
    )  # fmt: skip
    return workspace


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "standing.mp4"
    return write_frames(path, list(views(wall(), [(300, 200)] * 24)))


def test_a_camera_that_stands_is_found_still(standing: Path, tmp_path: Path) -> None:
    points = stored_background(look(standing, tmp_path / "w", Nobody()))
    found = camera_motion(RunSettings(), CAMERA, points)
    assert found.kind == ("still",) and len(found) == 24


@pytest.mark.parametrize("state", ["there", "lost"])
def test_a_killed_run_goes_on_following(
    standing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr(detection, "CHUNK", 8)
    whole = stored_background(look(standing, tmp_path / "whole", Nobody()))
    with pytest.raises(KeyboardInterrupt):
        look(standing, tmp_path / "w", Nobody(stop=19))
    if state == "lost":
        Workspace(tmp_path / "w", {}).discard("background")
    again = stored_background(look(standing, tmp_path / "w", Nobody()))
    if state == "there":
        assert (again.point_id == whole.point_id).all() and (again.xy_px == whole.xy_px).all()
    else:
        # The points go on under their numbers.
        assert len(again.matches(0, 23)[0]) > 0.7 * len(whole.matches(0, 23)[0])
    assert not again.cut.any()


@pytest.mark.slow
def test_a_cut_every_few_frames_is_a_shot_each_and_not_one_still_shot(tmp_path: Path) -> None:
    pictures = [picture for seed in range(4) for picture in views(wall(seed), [(300, 200)] * 8)]
    clip = write_frames(tmp_path / "cuts.mp4", pictures)
    points = stored_background(look(clip, tmp_path / "w", Nobody()))
    assert np.flatnonzero(points.cut).tolist() == [8, 16, 24]
    for motion in ("auto", "still", "off"):
        found = camera_motion(RunSettings(camera_motion=motion), CAMERA, points)
        assert len(found.kind) == 4 and np.flatnonzero(np.diff(found.shot)).tolist() == [7, 15, 23]
    (told,) = told_cuts(points)
    assert "4 shots, which begin at 0, 0.27, 0.53, 0.80 s;" in told


@pytest.mark.parametrize("killed", [False, True])
def test_with_a_cut_the_search_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool) -> None:
    """As if the second shot were a video of its own: nobody to follow, and frames counted from its first."""
    monkeypatch.setattr(detection, "CHUNK", 4)
    clip = write_frames(tmp_path / "cut.mp4", [p for seed in range(2) for p in views(wall(seed), [(300, 200)] * 8)])
    asked: list[tuple[int, int]] = []

    class Somebody(Single):
        def __init__(self, stop: int) -> None:
            self.stop = stop

        def detect(self, image, previous=(), frame_index=0):  # type: ignore[no-untyped-def]
            if len(asked) == self.stop:
                raise KeyboardInterrupt
            asked.append((frame_index, len(previous)))
            return super().detect(image, previous, frame_index)

    if killed:
        with pytest.raises(KeyboardInterrupt):
            look(clip, tmp_path / "w", Somebody(stop=15))
        # That was in frame 14, since one is looked at twice; a chunk of four frames is kept after the cut.
        del asked[13:]
    look(clip, tmp_path / "w", Somebody(stop=-1))
    shot = [(0, 0), *((f, 1) for f in range(1, 8))]
    assert asked == [*shot, (8, 1), *shot]


def test_a_film_without_cuts_is_not_spoken_of(standing: Path, tmp_path: Path) -> None:
    assert told_cuts(stored_background(look(standing, tmp_path / "w", Nobody()))) == []


def test_what_the_user_says_holds(standing: Path, tmp_path: Path) -> None:
    points = stored_background(look(standing, tmp_path / "w", Nobody()))
    assert camera_motion(RunSettings(camera_motion="still"), CAMERA, points).kind == ("still",)
    off = camera_motion(RunSettings(camera_motion="off"), CAMERA, points)
    assert off.kind == ("unknown",) and "--camera-motion off" in off.note[0]
    with pytest.raises(InputError, match="--camera-path and --camera-motion still contradict"):
        RunSettings(camera_motion="still", camera_path=Path("poses.txt"))


def test_the_focal_length_that_the_motion_tells_is_that_of_the_camera() -> None:
    still = CameraMotion.still(np.arange(2))
    assert seen_camera(CAMERA, still) is CAMERA
    longer = seen_camera(CAMERA, CameraMotion(**(vars(still) | {"focal": 1.5})))
    assert longer.K[0, 0] == 1.5 * CAMERA.K[0, 0] and longer.K[0, 2] == CAMERA.K[0, 2]
    assert "1.50 times" in longer.source


ROTATION = Rotation.from_euler("YXZ", [[10 * f, 3 * f, 2 * f] for f in range(3)], degrees=True)
CENTRE = np.array([[1.0, 2, 3], [1.5, 2, 3], [1.5, 2, 4]])
FRAMES = np.array([0, 1, 2])


def tum(centre: np.ndarray = CENTRE, rotation: Rotation = ROTATION) -> str:
    rows = np.concatenate([np.arange(len(centre))[:, None] / 30, centre, rotation.as_quat()], axis=1)
    return "# timestamp tx ty tz qx qy qz qw\n" + "\n".join(" ".join(f"{v:.9f}" for v in row) for row in rows) + "\n"


def colmap() -> str:
    """As COLMAP writes it: from world to camera, in any order, with a line of points for each image."""
    inverse = ROTATION.inv()
    lines = ["# Image list with two lines of data per image:"]
    for f in (2, 0, 1):
        x, y, z, w = inverse[f].as_quat()
        move = -inverse[f].apply(CENTRE[f])
        values = " ".join(f"{value:.9f}" for value in (w, x, y, z, *move))
        lines += [f"{f + 1} {values} 1 frame_{9 + f}.png", "10.0 20.0 -1" if f else ""]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("text", [tum(), colmap()], ids=["TUM", "COLMAP"])
def test_poses_of_a_file_are_turned_to_the_first_camera(tmp_path: Path, text: str) -> None:
    path = tmp_path / "images.txt"
    path.write_text(text)
    found = load_camera_path(path, FRAMES)
    assert found.kind == ("moving",) and found.note == ("file images.txt",)
    first = ROTATION[0].as_matrix()
    assert np.allclose(found.rotation, first.T @ ROTATION.as_matrix(), atol=1e-6)
    assert np.allclose(found.position, (CENTRE - CENTRE[0]) @ first, atol=1e-6)


def test_a_file_in_which_nothing_moves_is_still_and_one_that_turns_turns(tmp_path: Path) -> None:
    path = tmp_path / "poses.txt"
    path.write_text(tum(np.tile(CENTRE[:1], (3, 1)), Rotation.from_quat(np.tile([0, 0, 0, 1.0], (3, 1)))))
    assert load_camera_path(path, FRAMES).kind == ("still",)
    path.write_text(tum(np.tile(CENTRE[:1], (3, 1))))
    found = load_camera_path(path, FRAMES)
    assert found.kind == ("turning",) and (found.position == 0).all()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (tum().replace("1.500000000", "nan", 1), "line 3 holds a number that is not finite"),
        (tum().replace("1.500000000", "1e300", 1), "line 3 holds a number that is not finite or too large"),
        (tum().replace("1.500000000", "left", 1), "line 3 must hold 8 numbers"),
        (tum().rsplit(" ", 1)[0] + "\n", "line 4 must hold 8 numbers"),
        (tum()[:-1].rsplit(" ", 1)[0] + " 7\n", "the quaternion in line 4 has the length 7"),
        (tum().replace("0.033333333", "0.000000000"), "the timestamp in line 3 is not after"),
        (tum().rsplit("\n", 2)[0] + "\n", "has 2 poses for 3 frames"),
        (colmap().replace("frame_10", "frame_9"), "has the image frame_9.png twice"),
        (colmap().replace(" frame_10.png", ""), "names no image"),
        (colmap() + "4 0.5 0 0", "must hold 9 numbers and a name"),
        ("", "is no camera path: a line must have 8 words"),
        ("# nothing\n\n", "is no camera path"),
        ("1 0 0\n0 1 0\n0 0 1\n", "not 3; see docs/camera-file.md"),
        ('{"poses": []}', "is no camera path"),
    ],
)
def test_a_file_that_is_no_camera_path_gets_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "poses.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=sentence):
        load_camera_path(path, FRAMES)


def test_bytes_that_are_no_text_and_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "poses.txt"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="no text in UTF-8"):
        read_camera_path(path)
    with pytest.raises(InputError, match="does not exist"):
        read_camera_path(tmp_path / "none.txt")
