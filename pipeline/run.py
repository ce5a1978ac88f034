"""One video, from file to result to files: load, detect, lift, write."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detectors.people import PersonTrack2D
from lifting.geometry.camera import Camera
from lifting.world.floor import KnownGround
from lifting.world.frame import World
from lifting.world.motion import CameraMotion
from pipeline.errors import InputError
from pipeline.files.atomic import atomic_path, claimed
from pipeline.files.workspace import Workspace, fingerprint
from pipeline.media.decode import VideoInfo, probe
from pipeline.media.pictures import pictures_of
from pipeline.progress import Reporter
from pipeline.results.exporters import ExportOptions, check_outputs, shows_video, takes_pictures, write_files
from pipeline.results.result import Result
from pipeline.results.schema import build_metadata
from pipeline.settings import RunSettings
from pipeline.stages.camera import choose_camera, known_ground

if TYPE_CHECKING:
    from detectors.base import PoseDetector
    from lifting.lifter import Lifter
    from lifting.prior.weights import Prior

__all__ = ["Found", "Job", "RunSummary", "detect", "lift", "load", "run_video", "write"]


@dataclass(frozen=True)
class Job:
    """What the stages of a run share: the input, and everything that works on it, checked and ready.

    ``ground`` is what the user says of up and the floor.
    """

    settings: RunSettings
    video: VideoInfo
    camera: Camera
    detector: PoseDetector
    lifter: Lifter
    prior: Prior
    ground: KnownGround


@dataclass(frozen=True)
class Found:
    """What detection found.

    Attributes:
        tracks: the people that were asked for.
        frames: number of frames looked at.
        motion: of the camera, in each of these frames.
        camera: that of the job, with the focal length that its motion tells.
        warnings: what the user should know of the input.
    """

    tracks: list[PersonTrack2D]
    frames: int
    motion: CameraMotion
    camera: Camera
    warnings: list[str]


@dataclass(frozen=True)
class RunSummary:
    """What a run found; its text is the closing line.

    Attributes:
        result: everybody in the video.
        frames: number of frames looked at.
        seconds: by stage, wall clock.
        outputs: files that were written.
    """

    result: Result
    frames: int
    seconds: dict[str, float]
    outputs: tuple[Path, ...]

    @property
    def _moves(self) -> str:
        """How the camera moves, in words."""
        if self.result.world is None:
            return ""
        kinds = dict.fromkeys(shot.camera_motion for shot in self.result.world.shots)
        return "".join(f", {kind}" for kind in kinds)

    def __str__(self) -> str:
        result, people, total = self.result, len(self.result.tracks), sum(self.seconds.values())
        found = {0: "nobody", 1: "1 person"}.get(people, f"{people} people")
        stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in self.seconds.items())
        frames = "1 frame" if self.frames == 1 else f"{self.frames} frames"
        return (
            f"{found} in {frames}, detector {result.metadata['detector']['name']}, prior "
            f"{result.metadata['prior']['name']}, camera: {result.camera.source}{self._moves}; {total:.1f} s "
            f"({stages}; {self.frames / max(total, 1e-9):.1f} frames/s) -> {', '.join(map(str, self.outputs))}"
        )


def run_video(
    source: Path,
    outputs: Sequence[Path],
    settings: RunSettings,
    reporter: Reporter,
    *,
    camera: Camera | None = None,
    overwrite: bool = False,
    resume: bool = True,
) -> RunSummary:
    """Lift the people of a video to 3D and write every output, of which there may be none.

    What was detected is kept in ``<first output>.work`` until the run ends well, so that a killed run resumes.

    Args:
        source: the video, or pictures that are one (``pipeline.media.pictures``).
        outputs: files to write; the extension decides (``pipeline.results.exporters``).
        settings: see ``RunSettings``.
        reporter: told of the progress.
        camera: of the upright frames; None is what the settings and the video say.
        overwrite: replace files that exist.
        resume: go on where a killed run was.

    Raises:
        UserError: the input, an output, a setting or a weight file cannot be used.
    """
    check_outputs(outputs, source, overwrite=overwrite, people=settings.person or None)
    seconds: dict[str, float] = {}
    with claimed(outputs):
        with _timed(seconds, "load"):
            job = load(source, settings, reporter, camera)
        with _workspace(job, outputs, resume=resume) as workspace:
            with _timed(seconds, "detect"):
                found = detect(job, workspace, reporter)
            with _timed(seconds, "lift"):
                result = lift(job, found, reporter)
            with _timed(seconds, "render"):
                written = write(job, result, outputs, found.frames, reporter)
    return RunSummary(result, found.frames, seconds, written)


def load(source: Path, settings: RunSettings, reporter: Reporter, camera: Camera | None = None) -> Job:
    """Everything that can be wrong with what was given is found here, before the long part of the work.

    Raises:
        UserError: the input, the camera, a setting or a weight file cannot be used.
    """
    from pipeline.load import load_detector, load_keypoints, load_lifter

    video = probe(source, settings.fps)
    if camera is None:
        camera = choose_camera(settings, video)
    elif camera.image_size != (video.width, video.height):
        raise InputError(
            f"the camera is for {camera.image_size[0]} x {camera.image_size[1]} pixels, the upright frames of {source} "
            f"have {video.width} x {video.height}"
        )
    if settings.camera_path is not None:
        from pipeline.stages.motion import read_camera_path

        read_camera_path(settings.camera_path)
    lifter, prior = load_lifter(settings)
    detector: PoseDetector
    if settings.keypoints is not None:
        detector = load_keypoints(settings.keypoints)
    else:
        detector = load_detector(settings.detector, settings.detector_options(), reporter)
    return Job(settings, video, camera, detector, lifter, prior, known_ground(settings))


def detect(job: Job, workspace: Workspace, reporter: Reporter) -> Found:
    """The people of the video in pixels, tracked; what the workspace holds already is not looked at again.

    Raises:
        InputError: the video cannot be decoded, or somebody was asked for who is not there.
    """
    from detectors.keypoint_files.read import FileDetector
    from detectors.tracking.link import track_people
    from pipeline.stages.detect import detect_people, stored_background, stored_people
    from pipeline.stages.motion import camera_motion, seen_camera, told_cuts
    from pipeline.stages.told import beyond, tracks_by_id

    settings = job.settings
    with reporter.stage("detect", expected_frames(job.video, settings)) as advance:
        warnings = detect_people(
            job.video.path, job.detector, workspace, start_s=settings.start, end_s=settings.end, on_progress=advance,
            fps=settings.fps, background=True,
        )  # fmt: skip
    people = ((frame.frame_index, frame.time_s, frame.people) for frame in stored_people(workspace))
    points = stored_background(workspace)
    cuts = points.frame_index[points.cut]
    if isinstance(job.detector, FileDetector):
        warnings = warnings + beyond(job.detector, points.frame_index)
    if isinstance(job.detector, FileDetector) and job.detector.file.tracked:
        tracks = tracks_by_id(people)
    else:
        tracks = track_people(people, cuts=cuts.tolist())
    tracks = choose_people(tracks, settings, cuts)
    motion = camera_motion(settings, job.camera, points)
    return Found(tracks, len(motion), motion, seen_camera(job.camera, motion), [*warnings, *told_cuts(points)])


def lift(job: Job, found: Found, reporter: Reporter) -> Result:
    """The tracks in metres, with the record of how they were made; the reporter is told every warning."""
    with reporter.stage("lift", sum(map(len, found.tracks))) as advance:
        lifted = job.lifter.lift(
            found.tracks,
            found.camera,
            lambda done, total: advance(done),
            found.motion,
            known=job.ground,
        )
    warnings = list(found.warnings)
    if not lifted.tracks:
        what = "people were found, but never enough of a body to lift" if found.tracks else "nobody was found"
        warnings.append(f"{what} in {job.video.path}; the result is empty")
    elif lifted.world is not None and job.settings.camera_motion != "off":
        warnings += unknown_shots(lifted.world, job.video.path)
    for text in warnings:
        reporter.warn(text)
    metadata = build_metadata(
        camera=found.camera,
        prior=job.prior.describe(),
        detector=job.detector.describe(),
        preset=job.settings.preset,
        seed=job.settings.seed,
        settings={**job.settings.describe(), **job.lifter.describe()},
        video=job.video,
        warnings=warnings,
    )
    return Result(tuple(lifted.tracks), found.camera, metadata, lifted.world)


def unknown_shots(world: World, path: Path) -> list[str]:
    """What to tell of shots that have no world, if there are any."""
    unknown = np.flatnonzero(~np.isfinite(world.world_from_camera).all(axis=(1, 2)))
    shots = np.unique(world.shot[unknown]).tolist()
    if not shots:
        return []
    notes = "; ".join(sorted({world.shots[shot].note for shot in shots} - {""}))
    where = "" if len(shots) == len(world.shots) else f" in {len(shots)} of {len(world.shots)} shots"
    return [
        f"how the camera of {path} moves is not known{where}{f' ({notes})' if notes else ''}: people stay in the axes "
        "of each frame's camera; if it stands still, say --camera-motion still"
    ]


def write(job: Job, result: Result, outputs: Sequence[Path], frames: int, reporter: Reporter) -> tuple[Path, ...]:
    """All files; they get their names together at the end: a killed run leaves none, so the same command goes on.

    Returns:
        What was written, of which a format that holds one person may have several or none.

    Raises:
        OutputError: the disk does not take them, or a format not the people.
    """
    settings = job.settings
    with ExitStack() as stack:
        films = [output for output in outputs if takes_pictures(output)]
        pictures = [stack.enter_context(atomic_path(output)) for output in films]
        if pictures:
            from pipeline.results.render import render

            options = settings.picture_options()
            with reporter.stage("render", frames) as advance:
                warnings = render(result, job.video, pictures, options, settings.start, settings.end, advance)
            for text in warnings:
                reporter.warn(text)
        data = [output for output in outputs if not takes_pictures(output)]
        pages = any(shows_video(output) for output in data)
        with reporter.stage("page", frames) if pages else nullcontext(lambda done: None) as advance:
            told = ExportOptions(settings.skeleton, job.video.path, advance)
            files, warnings = write_files(stack, data, result, told)
        for text in warnings:
            reporter.warn(text)
    return (*films, *files)


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - began


@contextmanager
def _workspace(job: Job, outputs: Sequence[Path], *, resume: bool) -> Iterator[Workspace]:
    """Where detections are kept: beside the first output until the block ends well, or nowhere if there is none."""
    if not outputs:
        with TemporaryDirectory(prefix="zedo-video-") as folder:
            yield Workspace(folder, {})
        return
    # Chunks of another version may have been made differently.
    made_by = {
        "version": version("zedo-video"),
        "detector": job.detector.describe(),
        "start": job.settings.start,
        "end": job.settings.end,
        "fps": job.settings.fps,
    }
    workspace = Workspace.beside(outputs[0], fingerprint(job.video.path, made_by, pictures_of(job.video.path)))
    if not resume:
        workspace.discard("people")
    try:
        yield workspace
    except BaseException:
        # Nothing to go on from, so nothing to keep.
        if workspace.count("people") == 0:
            workspace.remove()
        raise
    workspace.remove()


def expected_frames(video: VideoInfo, settings: RunSettings) -> int | None:
    """How many frames the chosen part of the video should have, as far as the container tells."""
    if video.frame_count is None:
        return None
    if settings.start is None and settings.end is None:
        return video.frame_count
    length = video.duration_s if video.duration_s is not None else video.frame_count / video.fps
    part = min(settings.end or length, length) - (settings.start or 0.0)
    return max(1, min(video.frame_count, round(part * video.fps)))


def choose_people(
    tracks: Sequence[PersonTrack2D], settings: RunSettings, cuts: NDArray[np.int64] | None = None
) -> list[PersonTrack2D]:
    """The people asked for by id, and of these the ones that are seen in most frames of a shot; ids stay as they are.

    Args:
        tracks: everybody, each within one shot.
        settings: say who is asked for.
        cuts: increasing index of the frames with which another shot begins.

    Raises:
        InputError: an id was asked for that does not exist.
    """
    chosen = list(tracks)
    if settings.person:
        ids = {track.track_id for track in tracks}
        if missing := sorted(set(settings.person) - ids):
            there = f"there are {', '.join(map(str, sorted(ids)))}" if ids else "nobody was found"
            raise InputError(f"there is no person {missing[0]} in the video; {there}")
        chosen = [track for track in tracks if track.track_id in settings.person]
    if settings.max_people is not None:
        shots: dict[int, list[PersonTrack2D]] = {}
        for track in sorted(chosen, key=len, reverse=True):
            shot = 0 if cuts is None else int(np.searchsorted(cuts, track.frame_index[0], side="right"))
            shots.setdefault(shot, []).append(track)
        kept = {track.track_id for shot in shots.values() for track in shot[: settings.max_people]}
        chosen = [track for track in chosen if track.track_id in kept]
    return chosen
