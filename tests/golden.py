"""Joints of every way to lift, bit by bit: what a change of structure alone must not move.

``python tests/golden.py write FILE`` before it, ``python tests/golden.py check FILE`` after it, on one machine: other
processors add in another order. One thread, so that the order of sums is always the same.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from detectors.people import PersonTrack2D
from detectors.tracking.link import track_people
from lifting.body.infants import typical_infant
from lifting.evidence import Evidence
from lifting.geometry.camera import Camera
from lifting.initial.weights import Templates, load_templates
from lifting.lifter import Lifter
from lifting.live.lifter import LiveLifter
from lifting.optimise.reference import PublishedIPO, ReferenceSolver
from lifting.prior.weights import load_prior
from lifting.settings import LiftSettings
from pipeline.load import load_detector
from pipeline.media.decode import read_frames

CLIP = Path(__file__).parents[1] / "assets" / "sample.mp4"


def joints_of_everything() -> dict[str, np.ndarray]:
    """Joints by the way they were lifted."""
    torch.set_num_threads(1)
    found: dict[str, np.ndarray] = {}
    camera = Camera.from_fov(55.0, (640, 480), "golden")
    cpu = torch.device("cpu")
    prior, templates = load_prior(), load_templates()
    frames = list(read_frames(CLIP, None, None))
    detector = load_detector("movenet")
    seen, people = [], ()
    for frame in frames:
        people = tuple(detector.detect(frame.image, people, frame.index))
        seen.append((frame.index, frame.time_s, people))
    tracks = list(track_people(iter(seen)))
    found["keypoints"] = np.concatenate([track.keypoints_px for track in tracks])

    def lifted(name: str, settings: LiftSettings, which: list[PersonTrack2D], templates: Templates = templates) -> None:
        for track in Lifter(prior, templates, settings, cpu).lift(which, camera).tracks:
            found[f"{name}_{track.track_id}"] = track.joints_m
            found[f"{name}_{track.track_id}_raw"] = track.raw_joints_m
            found[f"{name}_{track.track_id}_sigma"] = track.sigma_m

    lifted("fast", LiftSettings(), tracks)
    lifted("windows", LiftSettings(window=40, overlap=10), tracks)
    lifted("several", LiftSettings(alternatives=3), tracks)
    lifted("uncoupled", LiftSettings(couple_s=0.0), tracks)
    ten = replace(templates, poses={1: templates.poses[10]})
    lifted("grid", LiftSettings(ipo="grid", alternatives=2), tracks, ten)
    lifted("height", LiftSettings(person_height_m=1.9, smooth_s=0.0), tracks)
    lifted("reference", LiftSettings(preset="reference", steps=30), tracks)

    few = tracks[0]
    rays = torch.from_numpy(camera.rays(few.keypoints_px[:6])).float()
    confidence = torch.ones(6, 17)
    for name, protocol in (
        ("published", PublishedIPO(joints=(0, 1, 4), distance_m=3.0)),
        ("infants", PublishedIPO(axes="xyz", distance_m=1.0, distance_scale=(0.0, 4.0), frozen=0.95, from_rays=True)),
    ):
        poses = torch.from_numpy(typical_infant(17)[None] if protocol.from_rays else templates.poses[10][:2])
        evidence = Evidence.apart(rays, confidence)
        found[name] = np.stack(
            [ReferenceSolver(prior.network, protocol, pose, 30).solve(evidence).X.numpy() for pose in poses]
        )

    live = LiveLifter(prior, templates, cpu)
    poses = []
    for _, time_s, people in seen:
        named = [type(person)(**{**vars(person), "track_id": 1}) for person in people[:1]]
        poses += [pose.joints_m for pose in live.lift(named, time_s, camera)]
    found["live"] = np.stack(poses)
    return found


def clip_by_command() -> dict[str, np.ndarray]:
    """The shipped clip from the command line."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "clip.npz"
        code = "from pipeline.commands import main; main()"
        subprocess.run(
            [sys.executable, "-c", code, str(CLIP), "--out", str(out), "-q", "--detector", "movenet"],
            check=True,
            cwd=CLIP.parents[1],
        )
        with np.load(out) as stored:
            return {f"clip_{name}": stored[name] for name in stored.files if stored[name].dtype.kind == "f"}


if __name__ == "__main__":
    verb, path = sys.argv[1:]
    now = joints_of_everything() | clip_by_command()
    if verb == "write":
        np.savez(path, **now)
        sys.stdout.write(f"{len(now)} arrays written" + "\n")
        sys.exit()
    with np.load(path) as before:
        changed = [
            name
            for name in before.files
            if name not in now or not np.array_equal(before[name], now[name], equal_nan=now[name].dtype.kind == "f")
        ]
        for name in changed:
            gap = np.nanmax(np.abs(before[name] - now[name])) if name in now else np.inf
            sys.stdout.write(f"{name}: differs by up to {gap:.3g}" + "\n")
    sys.stdout.write(f"{len(now) - len(changed)} of {len(now)} arrays are the same bit by bit" + "\n")
    sys.exit(bool(changed))
