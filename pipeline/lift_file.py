"""Keypoints of a file in 3D, without the video that they are of."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from detectors.keypoint_files.people import KeypointFile
from detectors.tracking.link import track_people
from lifting.world.motion import CameraMotion
from pipeline.errors import InputError, OutputError
from pipeline.files.atomic import claimed
from pipeline.load import load_keypoints, load_lifter
from pipeline.media.decode import VideoInfo
from pipeline.progress import Reporter
from pipeline.results.exporters import check_outputs, takes_pictures
from pipeline.run import Found, Job, RunSummary, choose_people, lift, write
from pipeline.settings import RunSettings
from pipeline.stages.camera import choose_camera, known_ground
from pipeline.stages.motion import load_camera_path
from pipeline.stages.told import tracks_by_id

__all__ = ["lift_file"]


def lift_file(
    source: Path, outputs: Sequence[Path], settings: RunSettings, reporter: Reporter, *, overwrite: bool = False
) -> RunSummary:
    """Lift the people of a file of keypoints and write every output.

    Args:
        source: see ``detectors.keypoint_files.read.read_keypoints``.
        outputs: files to write, none of pictures.
        settings: ``image_size`` and ``fps`` are needed where the file does not say them.
        reporter: told of the progress.
        overwrite: replace files that exist.

    Raises:
        UserError: the file, an output or a setting cannot be used.
    """
    check_outputs(outputs, source, overwrite=overwrite)
    if films := [path for path in outputs if takes_pictures(path)]:
        raise OutputError(f"{films[0]} shows the video, which was not given; name it before the options")
    began = time.perf_counter()
    with claimed(outputs):
        detector = load_keypoints(source)
        file = detector.file
        size = settings.picture_size or file.image_size
        rate = settings.fps or file.fps
        if size is None or (rate is None and file.time_s is None):
            lacking = "--image-size WxH" if size is None else "--fps"
            raise InputError(
                f"{source} does not say what {lacking} does; give it, or the video that the keypoints are of"
            )
        times = _times(file, settings.fps, rate)
        video = VideoInfo(source, *size, rate or 30.0, len(times), None, 0, False, "keypoints", None, 1.0, False, False)
        camera = choose_camera(settings, video)
        lifter, prior = load_lifter(settings)
        job = Job(settings, video, camera, detector, lifter, prior, known_ground(settings))
        first, last = settings.start or 0.0, np.inf if settings.end is None else settings.end
        people = [(frame, times[frame], found) for frame, found in file.people.items() if first <= times[frame] < last]
        tracks = choose_people((tracks_by_id if file.tracked else track_people)(people), settings)
        frames = np.array([frame for frame in times if first <= times[frame] < last], np.int64)
        found = Found(tracks, len(frames), _motion(settings, frames), camera, [])
        loaded = time.perf_counter()
        result = lift(job, found, reporter)
        lifted = time.perf_counter()
        written = write(job, result, outputs, len(frames), reporter)
    seconds = {"load": loaded - began, "lift": lifted - loaded, "write": time.perf_counter() - lifted}
    return RunSummary(result, len(frames), seconds, written)


def _times(file: KeypointFile, told: float | None, rate: float | None) -> dict[int, float]:
    """The time of every frame from 0 to the last: as told, as the file says, or by its rate."""
    frames = range(max(file.people) + 1)
    if told is not None or file.time_s is None:
        return {frame: frame / (rate or 30.0) for frame in frames}
    known, seconds = list(file.time_s), list(file.time_s.values())
    begin, step = min(known), 1 / rate if rate else 0.0
    spread = np.interp(frames, known, seconds) - step * np.maximum(begin - np.arange(len(frames)), 0)
    return dict(zip(frames, spread.tolist(), strict=True))


def _motion(settings: RunSettings, frames: np.ndarray) -> CameraMotion:
    if settings.camera_path is not None:
        return load_camera_path(settings.camera_path, frames)
    if settings.camera_motion == "still":
        return CameraMotion.still(frames, note="said by --camera-motion")
    return CameraMotion.still(frames, "unknown", "no video in which it could be found")
