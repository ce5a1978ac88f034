"""Results whose page is looked at: two people whose motion is known, and a video whose brightness counts the frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from lifting.geometry.camera import Camera
from lifting.tracks import Track3D
from lifting.world.frame import World
from pipeline.results.result import Result
from tests.pipeline.conftest import write_frames
from tests.pipeline.formats.biomechanics.people import bending, result
from tests.pipeline.results.test_result import metadata

FRAMES = 20
SIZE = (320, 240)
CAMERA = Camera.from_fov(55, SIZE, "assumed")
#: Of a video, as somebody who means harm may call it.
EVIL = "<script>window.hacked = 1</script>&amp;.mp4"


def film(path: Path, frames: int = FRAMES) -> Path:
    """Frame ``i`` has a brightness of 10 i + 20 everywhere."""
    return write_frames(path, [np.full((SIZE[1], SIZE[0], 3), 10 * i + 20, np.uint8) for i in range(frames)])


def moved(track: Track3D, track_id: int, step: tuple[float, float, float]) -> Track3D:
    """Somebody who does the same elsewhere, metres in camera axes."""
    return replace(
        track,
        track_id=track_id,
        joints_m=track.joints_m + step,
        raw_joints_m=track.raw_joints_m + np.array(step) + 0.02,
    )


def two_people() -> Result:
    """Person 1 has a gap, person 2 none; joint 3 of both was never seen."""
    imputed = np.zeros((FRAMES, 17), bool)
    imputed[:, 3] = True
    first = replace(bending(FRAMES, 30, slice(8, 11)), imputed=imputed)
    unsure = np.full((FRAMES, 17), 0.08)
    second = replace(moved(bending(FRAMES, 30), 2, (1.0, 0, 0.4)), imputed=imputed, sigma_m=unsure)
    both = result(first, second)
    assert both.world is not None
    world: World = both.world
    told = metadata(camera=CAMERA, warnings=[f"{EVIL} is cut off"])
    return replace(both, camera=CAMERA, world=world, metadata=told | {"video": {"file": EVIL, "fps": 30.0}})
