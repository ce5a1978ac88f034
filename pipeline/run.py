"""One video from file to files: detect, track, lift, smooth, render."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from detectors.people import PersonTrack2D
from pipeline.errors import InputError
from pipeline.files.atomic import atomic_path, claimed
from pipeline.files.workspace import Workspace, fingerprint
from pipeline.media.decode import VideoInfo, probe
from pipeline.progress import Reporter
from pipeline.results.exporters import check_outputs, takes_pictures, write_data
from pipeline.results.result import Result
from pipeline.results.schema import build_metadata
from pipeline.settings import RunSettings
from pipeline.stages.camera import choose_camera

__all__ = ["RunSummary", "run_video"]


@dataclass(frozen=True)
class RunSummary:
    """What a run found, for the closing line.

    Attributes:
        people: number of people.
        frames: number of frames looked at.
        detector, prior: names of what made the result.
        seconds: by stage, wall clock.
        outputs: files that were written.
        camera_source: where the intrinsics came from.
    """

    people: int
    frames: int
    detector: str
    prior: str
    seconds: dict[str, float]
    outputs: tuple[Path, ...]
    camera_source: str

    def __str__(self) -> str:
        total = sum(self.seconds.values())
        found = {0: "nobody", 1: "1 person"}.get(self.people, f"{self.people} people")
        stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in self.seconds.items())
        frames = "1 frame" if self.frames == 1 else f"{self.frames} frames"
        return (
            f"{found} in {frames}, detector {self.detector}, prior {self.prior}, camera: "
            f"{self.camera_source}; {total:.1f} s ({stages}; {self.frames / max(total, 1e-9):.1f} frames/s)"
            f" -> {', '.join(map(str, self.outputs))}"
        )


def run_video(
    source: Path,
    outputs: Sequence[Path],
    settings: RunSettings,
    reporter: Reporter,
    *,
    overwrite: bool = False,
    resume: bool = True,
) -> RunSummary:
    """Lift the people of a video to 3D and write every output.

    What was detected is kept in ``<first output>.work`` until the run ends well, so that a killed run resumes.

    Raises:
        UserError: the input, an output, a setting or a weight file cannot be used.
    """
    check_outputs(outputs, source, overwrite=overwrite)
    with claimed(outputs):
        return _run(source, outputs, settings, reporter, resume=resume)


def _run(
    source: Path, outputs: Sequence[Path], settings: RunSettings, reporter: Reporter, *, resume: bool
) -> RunSummary:
    video = probe(source)
    camera = choose_camera(settings, video)
    seconds: dict[str, float] = {}
    clock = time.perf_counter()

    def lap(stage: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        seconds[stage] = now - clock
        clock = now

    from detectors.tracking.link import track_people
    from pipeline.load import load_detector, load_lifter
    from pipeline.stages.detect import detect_people, stored_people

    # Everything that can be wrong with what was given is found before the long part of the work.
    lifter, prior = load_lifter(settings)
    detector = load_detector(settings.detector, settings.detector_options(), reporter)
    record = detector.describe()
    # Chunks of another version may have been made differently.
    made_by = {"version": version("zedo-video"), "detector": record, "start": settings.start, "end": settings.end}
    workspace = Workspace.beside(outputs[0], fingerprint(source, made_by))
    if not resume:
        workspace.discard("people")
    lap("load")
    try:
        with reporter.stage("detect", expected_frames(video, settings)) as advance:
            warnings = detect_people(
                source, detector, workspace, start_s=settings.start, end_s=settings.end, on_progress=advance
            )
    except BaseException:
        # Nothing to go on from, so nothing to keep.
        if workspace.count("people") == 0:
            workspace.remove()
        raise
    frames = workspace.frames("people")
    people = ((frame.frame_index, frame.time_s, frame.people) for frame in stored_people(workspace))
    tracks = choose_people(track_people(people), settings)
    lap("detect")
    with reporter.stage("lift", sum(map(len, tracks))) as advance:
        lifted = lifter.lift(tracks, camera, lambda done, total: advance(done))
    if not lifted:
        what = "people were found, but never enough of a body to lift" if tracks else "nobody was found"
        warnings.append(f"{what} in {source}; the result is empty")
    for text in warnings:
        reporter.warn(text)
    lap("lift")
    metadata = build_metadata(
        camera=camera,
        prior=prior.describe(),
        detector=record,
        preset=settings.preset,
        seed=settings.seed,
        settings={**settings.model_dump(mode="json"), **lifter.describe()},
        video=video,
        warnings=warnings,
    )
    result = Result(tuple(lifted), camera, metadata)
    # All files get their names together at the end: a killed run leaves none of them, so the same command goes on.
    with ExitStack() as stack:
        parts = {output: stack.enter_context(atomic_path(output)) for output in outputs}
        pictures = [part for output, part in parts.items() if takes_pictures(output)]
        if pictures:
            from pipeline.results.render import render
            from visualize.stream import PictureOptions

            with reporter.stage("render", frames) as advance:
                options = PictureOptions(settings.gif_width, settings.gif_fps)
                render(video, lifted, camera, pictures, options, settings.start, settings.end, advance)
        for output, part in parts.items():
            if not takes_pictures(output):
                write_data(part, result)
    lap("render")
    workspace.remove()
    return RunSummary(
        people=len(lifted),
        frames=frames,
        detector=detector.name,
        prior=prior.name,
        seconds=seconds,
        outputs=tuple(outputs),
        camera_source=camera.source,
    )


def expected_frames(video: VideoInfo, settings: RunSettings) -> int | None:
    """How many frames the chosen part of the video should have, as far as the container tells."""
    if video.frame_count is None:
        return None
    if settings.start is None and settings.end is None:
        return video.frame_count
    length = video.duration_s if video.duration_s is not None else video.frame_count / video.fps
    part = min(settings.end or length, length) - (settings.start or 0.0)
    return max(1, min(video.frame_count, round(part * video.fps)))


def choose_people(tracks: Sequence[PersonTrack2D], settings: RunSettings) -> list[PersonTrack2D]:
    """The people asked for by id, and of these the ones that are seen in most frames; ids stay as they are.

    Raises InputError if an id was asked for that does not exist.
    """
    chosen = list(tracks)
    if settings.person:
        ids = {track.track_id for track in tracks}
        if missing := sorted(set(settings.person) - ids):
            there = f"there are {', '.join(map(str, sorted(ids)))}" if ids else "nobody was found"
            raise InputError(f"there is no person {missing[0]} in the video; {there}")
        chosen = [track for track in tracks if track.track_id in settings.person]
    if settings.max_people is not None:
        kept = {track.track_id for track in sorted(chosen, key=len, reverse=True)[: settings.max_people]}
        chosen = [track for track in chosen if track.track_id in kept]
    return chosen
