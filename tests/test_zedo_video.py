"""The door for Python: what README shows runs, and what makes no sense is said in one sentence."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import zedo_video as zv
from assets.integrity import asset_path
from pipeline.media.decode import read_frames

ROOT = Path(__file__).parents[1]
SAMPLE = asset_path("sample.mp4")
with np.load(asset_path("sample_truth.npz")) as _stored:
    TRUTH_XY, TRUTH_M = _stored["keypoints_px"][:6], _stored["joints_m"][:6]
    SAMPLE_CAMERA = zv.Camera(_stored["K"], _stored["image_size"].tolist())


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A picture in which nobody is."""
    path = tmp_path / "room.png"
    Image.new("RGB", (320, 240), (120, 130, 140)).save(path)
    return path


@pytest.mark.slow
def test_the_example_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.mp4").write_bytes(SAMPLE.read_bytes())
    section = (ROOT / "README.md").read_text("utf-8").split("## From Python\n")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.S)
    names: dict[str, Any] = {"xy": TRUTH_XY, "confidence": np.ones(TRUTH_XY.shape[:2])}
    exec(compile(code, "README", "exec"), names)
    assert names["person"].joints_m.shape == (6, 17, 3)
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4", "out.npz", "out.gif"}
    (before,), (after,) = names["result"].tracks, zv.load_result("out.npz").tracks
    np.testing.assert_array_equal(before.joints_m, after.joints_m)


@pytest.mark.slow
def test_what_is_returned_is_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    camera = zv.Camera.from_fov(50, SAMPLE_CAMERA.image_size)
    in_memory = zv.lift_video(str(SAMPLE), end_s=0.1, camera=camera, seed=3)
    assert list(tmp_path.iterdir()) == []
    returned = zv.lift_video(SAMPLE, end_s=0.1, camera=camera, seed=3, out=tmp_path / "a.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    stored = zv.load_result(tmp_path / "a.npz")
    assert stored.metadata == returned.metadata == in_memory.metadata
    assert stored.camera.source == "field of view of 50 degrees" and stored.metadata["seed"] == 3
    for tracks in zip(in_memory.tracks, returned.tracks, stored.tracks, strict=True):
        for track in tracks[1:]:
            np.testing.assert_array_equal(track.joints_m, tracks[0].joints_m)
    with pytest.raises(zv.UserError, match="exists already"):
        zv.lift_video(SAMPLE, end_s=0.1, out=[tmp_path / "a.npz"])
    returned.save(tmp_path / "a.npz")


@pytest.mark.slow
def test_pictures_are_a_film(tmp_path: Path) -> None:
    for number, frame in zip(range(3), read_frames(SAMPLE), strict=False):
        Image.fromarray(frame.image).save(tmp_path / f"f{number + 9}.png")
    (tmp_path / "f10.png").write_bytes(b"nonsense")
    with pytest.warns(UserWarning, match=r"1 of the pictures of .* left out: f10\.png"):
        result = zv.lift_video(tmp_path / "f%d.png", fps=20, out=tmp_path / "a.npz")
    assert (
        result.tracks[0].time_s[[0, -1]].tolist() == pytest.approx([0, 0.1]) and result.metadata["video"]["fps"] == 20
    )
    zv.load_result(tmp_path / "a.npz").render(tmp_path / "f%d.png", tmp_path / "a.mp4")
    np.testing.assert_allclose([frame.time_s for frame in read_frames(tmp_path / "a.mp4")], [0, 0.1], atol=1e-3)


@pytest.mark.slow
def test_warnings_of_a_run_are_those_of_python(room: Path) -> None:
    with pytest.warns(UserWarning, match="nobody was found") as caught:
        assert zv.lift_video(room).tracks == ()
    assert caught[0].filename == __file__


def test_keypoints_of_another_detector() -> None:
    xy = TRUTH_XY.copy()
    # Little of the body in the first and the last frame, nothing of an arm in the third.
    xy[[0, 5], 4:] = np.nan
    xy[2, 11:14] = np.nan
    options: dict[str, Any] = {"layout": "h36m-17", "camera": SAMPLE_CAMERA}
    person = zv.lift_keypoints(xy.tolist(), fps=30, **options)
    assert person.seen.tolist() == [False, True, True, True, True, False]
    assert person.frame_index.tolist() == list(range(6)) and person.time_s[1] == pytest.approx(1 / 30)
    assert person.imputed[2].nonzero()[0].tolist() == [11, 12, 13] and person.imputed[0].all()
    timed = zv.lift_keypoints(xy, np.isfinite(xy[..., 0]), time_s=person.time_s, **options)
    np.testing.assert_array_equal(timed.joints_m, person.joints_m)
    lifted, true = (joints - joints[:, :1] for joints in (person.joints_m, TRUTH_M))
    assert np.nanmean(np.linalg.norm(lifted - true, axis=-1)) < 0.1
    tall = zv.lift_keypoints(xy, fps=30, person_height_m=2.0, **options)
    assert np.nanmean(tall.joints_m[..., 2]) > np.nanmean(person.joints_m[..., 2])


CAMERA = zv.Camera.from_fov(55, (640, 480))
XY = np.ones((4, 17, 2))


def holed(value: float) -> NDArray[np.float64]:
    xy = XY.copy()
    xy[2, 9, 1] = value
    return xy


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"xy": np.ones((4, 17, 3))}, r"\[frames, 17, 2\] .* not \[4, 17, 3\]; give a third column as confidence"),
        ({"xy": np.ones((17, 2))}, r"\[frames, 17, 2\] .* not \[17, 2\]"),
        ({"xy": np.ones((0, 17, 2))}, "no frames"),
        ({"xy": []}, r"not \[0\]"),
        ({"xy": [[[1, 2]], [[1, 2], [3, 4]]]}, "an array of numbers, with rows of the same length"),
        ({"xy": "people.json"}, "an array of numbers"),
        ({"layout": "coco"}, "no keypoint layout 'coco'; the known ones are coco-17, h36m-17"),
        ({"layout": "halpe-26"}, r"\[frames, 26, 2\]"),
        ({"confidence": np.full((4, 17), 95.0)}, "between 0 and 1"),
        ({"confidence": np.full((4, 17), -1.0)}, "between 0 and 1"),
        ({"confidence": np.ones(17)}, r"confidence .* \[4, 17\], not \[17\]"),
        ({"xy": holed(np.nan), "confidence": np.ones((4, 17))}, "left_wrist in frame 2 is not a number, .* is 1;"),
        ({"xy": holed(np.inf), "confidence": np.ones((4, 17))}, "left_wrist in frame 2"),
        ({"xy": np.full((4, 17, 2), np.nan)}, "no frame shows enough of a body: 5 of the joints"),
        ({"fps": 0}, "positive"),
        ({"fps": -30.0}, "positive"),
        ({"fps": float("nan")}, "positive"),
        ({"fps": None}, "either fps, .* or time_s"),
        ({"time_s": [0, 1, 2, 3]}, "either fps, .* or time_s"),
        ({"fps": None, "time_s": [0, 2, 1, 3]}, "time_s must not fall, and does at row 2"),
        ({"fps": None, "time_s": [0, 1]}, r"time_s .* \[4\], not \[2\]"),
        ({"fps": None, "time_s": [0, 1, np.nan, 3]}, "time_s has values that are not numbers"),
        ({"camera": np.eye(3)}, "must be a Camera, not ndarray; Camera.from_fov"),
        ({"person_height_m": 182}, "person_height_m cannot be 182"),
        ({"preset": "slow"}, "preset cannot be 'slow'"),
    ],
)
def test_keypoints_that_make_no_sense(changes: dict[str, Any], words: str) -> None:
    given = {"xy": XY, "camera": CAMERA, "fps": 30} | changes
    with pytest.raises(ValueError, match=words) as caught:
        zv.lift_keypoints(**given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"person_height_m": 182}, ValueError, "person_height_m cannot be 182"),
        ({"start_s": 2, "end_s": 1}, ValueError, "start_s 2 must lie before end_s 1"),
        ({"fov": 40, "focal_px": 900}, ValueError, "fov and focal_px say the same thing twice"),
        ({"camera": CAMERA, "fov": 40}, ValueError, "camera and fov .* twice"),
        ({"colour": "red"}, ValueError, "no setting colour"),
        ({"camera": zv.Camera.from_fov(55, (320, 240))}, zv.UserError, "for 320 x 240 pixels, the upright frames"),
        ({"camera": "missing.toml"}, zv.UserError, "missing.toml does not exist"),
        ({"out": "a.avi"}, zv.UserError, "the extension decides"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        zv.lift_video(SAMPLE, **options)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"K": np.eye(2)}, "3x3"),
        ({"image_size": (640,)}, "width and height"),
        ({"image_size": (640, 0)}, "width and height"),
        ({"distortion": [0.1, 0.2]}, "4, 5, 8, 12 or 14"),
    ],
)
def test_cameras_that_make_no_sense(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        zv.Camera(**{"K": CAMERA.K.tolist(), "image_size": (640, 480)} | arguments)


def test_pictures_need_the_video_of_the_result(tmp_path: Path, room: Path) -> None:
    result = zv.Result((), zv.Camera.from_fov(55, (320, 240)), {})
    with pytest.raises(zv.UserError, match="the video of the result had 320 x 240"):
        result.render(SAMPLE, tmp_path / "a.gif")
    with pytest.raises(zv.UserError, match=r"use \.gif, \.mp4, \.webm"):
        result.render(room, tmp_path / "a.npz")
    result.render(room, tmp_path / "a.gif", gif_width=100)
    assert {path.name for path in tmp_path.iterdir()} == {"a.gif", "room.png"}


def test_pictures_say_what_their_format_cannot_show(tmp_path: Path) -> None:
    for number in range(3):
        Image.new("RGB", (64, 48), (120, 130, 20 * number)).save(tmp_path / f"{number}.png")
    # A picture in a quarter of an hour.
    result = zv.Result((), zv.Camera.from_fov(55, (64, 48)), {"settings": {"fps": 1 / 900}})
    with pytest.warns(
        UserWarning, match=r"gaps that \.gif cannot show: no picture stays for longer than 655 s"
    ) as caught:
        result.render(tmp_path, tmp_path / "a.gif", gif_width=64)
    assert len(caught) == 1 and caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result.render(tmp_path, tmp_path / "a.mp4")


def imported(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """A program in that folder, this clone being installed behind it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_importing_it_loads_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("torch", "cv2", "av", "onnxruntime", "pydantic", "matplotlib")
    done = imported(tmp_path, f"import sys, zedo_video; print([m for m in {heavy} if m in sys.modules])")
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("name", ["pipeline.py", "configs/__init__.py"])
def test_a_module_of_the_user_in_the_way_is_named(tmp_path: Path, name: str) -> None:
    theirs = tmp_path / name
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_text("")
    last = imported(tmp_path, "import zedo_video").stderr.strip().splitlines()[-1]
    package = name.split("/")[0].removesuffix(".py")
    assert last.startswith(f"ImportError: {theirs.resolve()} hides the package {package} of zedo-video")
    theirs.unlink()
    # A folder without an __init__ is in nobody's way.
    (tmp_path / "assets").mkdir()
    assert imported(tmp_path, "import zedo_video").stderr == ""


def test_the_wheel_has_the_door() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert settings["tool"]["setuptools"]["py-modules"] == ["zedo_video"]
    assert settings["project"]["version"] == zv.__version__ and len(zv.JOINT_NAMES) == 17
    for name in ("lift_video", "lift_keypoints", "load_result", "Camera", "Result", "Track3D", "UserError"):
        assert name in zv.__all__ and getattr(zv, name).__doc__
