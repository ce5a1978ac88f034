"""3D human pose from any video, from Python.

    import zedo_video as zv

    result = zv.lift_video("in.mp4", person_height_m=1.82)
    result.tracks[0].joints_m  # [T, 17, 3] metres, camera axes: x right, y down, z forward
    result.save("out.npz")
    result.render("in.mp4", "out.gif")

    camera = zv.Camera.from_fov(55, (1920, 1080))
    person = zv.lift_keypoints(xy, confidence, layout="coco-17", fps=30, camera=camera)
    person.joints_m, person.sigma_m  # what was not seen is placed by the prior; imputed says where

What the names here promise stays; modules below them may move. Everything is computed on this machine, offline. Values
that make no sense raise ValueError, files that cannot be used ``UserError``, each with one sentence.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as _version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal


def _refuse_shadows() -> None:
    """Our packages have plain names; a user's module of the same name that is found first would break them, or be used
    in their place. One sentence says which, before anything obscure happens.
    """
    home = Path(__file__).resolve().parent
    for name in ("assets", "configs", "detectors", "lifting", "pipeline", "visualize"):
        spec = find_spec(name)
        if spec is None:
            raise ImportError(f"zedo-video's package {name} is missing beside {__file__}; install zedo-video again")
        origin = Path(spec.origin or next(iter(spec.submodule_search_locations or [""]), "")).resolve()
        if home not in origin.parents:
            raise ImportError(
                f"{origin} hides the package {name} of zedo-video, which needs this name; rename yours, or run from "
                f"another folder ({sys.executable} -P leaves the current one out)"
            )


_refuse_shadows()

import numpy as np  # noqa: E402
from numpy.typing import ArrayLike, NDArray  # noqa: E402

from detectors.layouts import H36M_17, LAYOUTS  # noqa: E402
from detectors.people import PersonTrack2D  # noqa: E402
from lifting.geometry.camera import Camera  # noqa: E402
from lifting.tracks import Track3D  # noqa: E402
from pipeline.errors import UserError  # noqa: E402
from pipeline.results.result import Result, load_result  # noqa: E402

if TYPE_CHECKING:
    from lifting.lifter import Lifter
    from pipeline.settings import RunSettings

__all__ = [
    "JOINT_NAMES",
    "LAYOUTS",
    "Camera",
    "Result",
    "Track3D",
    "UserError",
    "__version__",
    "lift_keypoints",
    "lift_video",
    "load_result",
]

try:
    __version__ = _version("zedo-video")
except PackageNotFoundError:  # a clone that was never installed
    __version__ = "unknown"

#: The 17 joints of ``Track3D``, in order.
JOINT_NAMES = H36M_17.joints

#: Names of arguments that say their unit -> names of settings.
_SETTINGS = {"start_s": "start", "end_s": "end", "person_height_m": "person_height", "smooth_s": "smooth"}


def lift_video(
    path: str | Path,
    *,
    out: str | Path | Sequence[str | Path] = (),
    start_s: float | None = None,
    end_s: float | None = None,
    person_height_m: float | None = None,
    camera: Camera | str | Path | None = None,
    preset: Literal["fast", "reference"] | None = None,
    detector: str | None = None,
    max_people: int | None = None,
    smooth_s: float | None = None,
    device: Literal["auto", "cpu", "cuda", "mps"] | None = None,
    overwrite: bool = False,
    progress: bool = False,
    **options: Any,
) -> Result:
    """Everybody in a video, as the command ``zedo-video`` finds them; without ``out`` no file is written.

    Args:
        path: any video or picture that FFmpeg reads; a folder of pictures, ``f%03d.png`` or ``*.png``, with ``fps``.
        out: one or more files to write in the same run, such as .npz or .gif: the extension decides, as with ``--out``.
            With one, a killed run goes on where it was.
        start_s, end_s: part of the video, seconds.
        person_height_m: standing height of the people, metres, which sets the scale; None is the average body.
        camera: of the upright frames, or a calibration file (docs/camera-file.md); None is what the video says, else an
            assumed field of view. ``result.camera.source`` tells.
        preset: "fast" or "reference", the optimiser as published.
        detector: "auto", "mmpose" or "movenet".
        max_people: only the people seen in most frames of each shot.
        smooth_s: width of the smoothing over time, seconds (1 sigma); 0 is none.
        device: where lifting runs.
        overwrite: replace files that exist.
        progress: show bars on standard error.
        options: any other option of the command by its name with ``_`` for ``-``, such as ``fov=40``.

    Returns:
        The people and how they were found; nobody is a result, too. What is wrong with the video is also said by
        ``warnings.warn``.

    Raises:
        ValueError: an argument has a value that is not allowed.
        UserError: the video, an output or a weight file cannot be used.
    """
    from pipeline.progress import ConsoleReporter, QuietReporter, Reporter
    from pipeline.run import run_video

    class Warns(QuietReporter):
        def warn(self, text: str) -> None:
            warnings.warn(text, stacklevel=5)

    given = {
        "start_s": start_s, "end_s": end_s, "person_height_m": person_height_m, "preset": preset, "detector": detector,
        "max_people": max_people, "smooth_s": smooth_s, "device": device,
        "camera": None if isinstance(camera, Camera) else camera,
    }  # fmt: skip
    if isinstance(camera, Camera) and options.keys() & {"fov", "focal_px"}:
        raise ValueError("camera and fov or focal_px say the same thing twice; give one of them")
    settings = _settings(given | options)
    files = [out] if isinstance(out, (str, Path)) else out
    reporter: Reporter = ConsoleReporter() if progress else Warns()
    return run_video(
        Path(path), [Path(file) for file in files], settings, reporter,
        camera=camera if isinstance(camera, Camera) else None, overwrite=overwrite,
    ).result  # fmt: skip


def lift_keypoints(
    xy: ArrayLike,
    confidence: ArrayLike | None = None,
    *,
    camera: Camera,
    layout: str = "coco-17",
    fps: float | None = None,
    time_s: ArrayLike | None = None,
    person_height_m: float | None = None,
    preset: Literal["fast", "reference"] | None = None,
    smooth_s: float | None = None,
    prior: str | Path | None = None,
    device: Literal["auto", "cpu", "cuda", "mps"] | None = None,
) -> Track3D:
    """One person's keypoints from any detector, in 3D. Arrays may be given as lists.

    Args:
        xy: ``[T, J, 2]`` pixels of the upright frames, x right, y down; NaN where a joint was not seen.
        confidence: ``[T, J]`` in 0..1, 0 where a joint was not seen; None is 1 for every joint that is not NaN.
        camera: of these frames; ``Camera.from_fov(55, (width, height))`` if nothing better is known.
        layout: order of the joints, one of ``LAYOUTS``.
        fps: frames per second; or
        time_s: ``[T]`` times of the frames in seconds, which must not fall.
        person_height_m, preset, smooth_s, device: as for ``lift_video``.
        prior: another one (.safetensors, .pt, .pth).

    Returns:
        One row for each of the T frames, ``frame_index`` from 0; NaN where too little was seen to lift anything.

    Raises:
        ValueError: an array has another form, or no frame shows enough.
        UserError: the prior or the device cannot be used.
    """
    track = _track(xy, confidence, layout, fps, time_s)
    if not isinstance(camera, Camera):
        raise ValueError(
            f"camera must be a Camera, not {type(camera).__name__}; Camera.from_fov(55, (width, height)) makes one"
        )
    options = {"preset": preset, "smooth_s": smooth_s, "prior": prior, "device": device}
    lifter = _lifter(_settings({"person_height_m": person_height_m} | options))
    found = lifter.lift([track], camera).tracks
    if not found:
        known = lifter.settings
        raise ValueError(
            f"no frame shows enough of a body: {known.least_joints} of the joints must have a confidence of "
            f"{known.imputed_below:g} or more"
        )
    return _every_frame(found[0], track.time_s)


def _settings(given: dict[str, Any]) -> RunSettings:
    """Checked settings; sentences name the arguments as they are called here."""
    from pipeline.errors import InputError
    from pipeline.machine import yield_waiting_threads
    from pipeline.settings import SETTINGS, load_settings

    yield_waiting_threads()
    arguments = {name: name for name in SETTINGS} | {name: ours for ours, name in _SETTINGS.items()}
    try:
        return load_settings(None, {_SETTINGS.get(name, name): value for name, value in given.items()})
    except InputError as error:
        text = re.sub(r"--([a-z-]+)", lambda flag: arguments.get(flag[1].replace("-", "_"), flag[0]), str(error))
        raise ValueError(text) from error


@lru_cache(maxsize=2)
def _lifter(settings: RunSettings) -> Lifter:
    from pipeline.load import load_lifter

    return load_lifter(settings)[0]


def _track(
    xy: ArrayLike, confidence: ArrayLike | None, layout: str, fps: float | None, time_s: ArrayLike | None
) -> PersonTrack2D:
    """What was given, checked, as a track. Raises ValueError as ``lift_keypoints`` does."""
    if layout not in LAYOUTS:
        raise ValueError(f"there is no keypoint layout {layout!r}; the known ones are {', '.join(LAYOUTS)}")
    joints = LAYOUTS[layout].joints
    points = _numbers(xy, "xy")
    if points.ndim != 3 or points.shape[1:] != (len(joints), 2):
        hint = "; give a third column as confidence" if points.shape[2:] == (3,) else ""
        raise ValueError(f"xy must be [frames, {len(joints)}, 2] for layout {layout}, not {list(points.shape)}{hint}")
    if not len(points):
        raise ValueError("xy has no frames")
    finite = np.isfinite(points).all(axis=-1)
    sure = _numbers(finite if confidence is None else confidence, "confidence")
    if sure.shape == finite.shape and (lost := np.argwhere(~finite & (sure > 0))).size:
        frame, joint = lost[0]
        raise ValueError(
            f"xy of the {joints[joint]} in frame {frame} is not a number, but its confidence is "
            f"{sure[frame, joint]:g}; joints that were not seen have confidence 0"
        )
    if (fps is None) == (time_s is None):
        raise ValueError("give either fps, the frames per second, or time_s, the time of every frame")
    if fps is not None and not 0 < fps < float("inf"):
        raise ValueError(f"fps must be a positive number of frames per second, not {fps!r}")
    frames = np.arange(len(points))
    times = frames / fps if fps is not None else _numbers(time_s, "time_s").astype(np.float64)
    if not np.isfinite(times).all():
        raise ValueError("time_s has values that are not numbers; every frame needs a time")
    return PersonTrack2D(1, frames, times, points.astype(np.float32), sure.astype(np.float32), layout)


def _numbers(values: Any, name: str) -> NDArray[np.float64]:
    try:
        return np.asarray(values, np.float64)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} must be an array of numbers, with rows of the same length") from error


def _every_frame(track: Track3D, time_s: NDArray[np.float64]) -> Track3D:
    """The track with a row for every frame that was given, also before the first and after the last that was lifted."""
    names = ("joints_m", "raw_joints_m", "sigma_m", "imputed", "keypoints_px", "confidence", "boxes", "contacts")
    values = {name: getattr(track, name) for name in names}
    return Track3D.from_frames(track.track_id, track.frame_index, track.time_s, every_s=time_s, **values)
