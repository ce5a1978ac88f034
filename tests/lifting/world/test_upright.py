from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.tracks import Track3D
from lifting.world.upright import estimate_world

Convert = Callable[..., NDArray[np.float64]]
MakeTrack = Callable[..., Track3D]
_ANKLE = H36M_17.index("left_ankle")
# The ankle joint stands above the end of the drawn limb, which touches the floor.
_ABOVE_FLOOR = 0.05


def _walk(body: NDArray[np.float64], count: int, far_m: float) -> NDArray[np.float64]:
    """Away from the camera."""
    return body + np.linspace(0, 1, count)[:, None, None] * np.array([0.0, 0.0, -far_m])


@pytest.mark.parametrize("pitch", [0.0, 15.0, -12.0, 25.0])
def test_up_and_floor_are_found_under_a_tilted_camera(
    body: NDArray[np.float64], in_camera: Convert, make_track: MakeTrack, pitch: float
) -> None:
    world = estimate_world([make_track(in_camera(_walk(body, 60, 4.0), pitch_deg=pitch))])
    assert np.allclose(world.rotation @ world.rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(world.rotation) == pytest.approx(1.0)
    found = world(in_camera(_walk(body, 60, 4.0), pitch_deg=pitch))
    assert found[:, _ANKLE, 1] == pytest.approx(_ABOVE_FLOOR, abs=0.02)
    assert np.ptp(found[0, :, 1]) == pytest.approx(np.ptp(body[:, 1]), abs=0.02)
    # Turned, not mirrored: the left side stays on the same side.
    assert (found[:, H36M_17.index("left_wrist"), 0] > found[:, H36M_17.index("right_wrist"), 0]).all()


def test_jumps_do_not_lift_the_floor_and_bad_frames_do_not_sink_it(
    body: NDArray[np.float64], in_camera: Convert, make_track: MakeTrack
) -> None:
    heights = np.zeros(100)
    heights[10:80] = 0.5
    heights[90:92] = -3.0
    world = estimate_world([make_track(in_camera(body + heights[:, None, None] * np.array([0.0, 1.0, 0.0])))])
    assert world(in_camera(body))[_ANKLE, 1] == pytest.approx(_ABOVE_FLOOR, abs=0.01)


def test_a_leaning_runner_does_not_tilt_the_floor(
    body: NDArray[np.float64], in_camera: Convert, make_track: MakeTrack
) -> None:
    lean = np.radians(15)
    turn = np.array([[1, 0, 0], [0, np.cos(lean), np.sin(lean)], [0, -np.sin(lean), np.cos(lean)]])
    world = estimate_world([make_track(in_camera(_walk(body @ turn.T, 60, 4.0)))])
    assert world.rotation[1] == pytest.approx([0.0, -1.0, 0.0])


def test_somebody_lying_does_not_tilt_the_floor(
    body: NDArray[np.float64], in_camera: Convert, make_track: MakeTrack
) -> None:
    lying = body[:, [1, 0, 2]] * [1.0, -1.0, 1.0] + [0.0, 0.8, 0.0]
    world = estimate_world([make_track(in_camera(np.tile(lying, (60, 1, 1))))])
    assert world.rotation[1] == pytest.approx([0.0, -1.0, 0.0])


def test_gaps_and_empty_videos_have_a_floor_too(
    body: NDArray[np.float64], in_camera: Convert, make_track: MakeTrack
) -> None:
    joints = np.tile(in_camera(body), (40, 1, 1))
    joints[5:20] = np.nan
    assert estimate_world([make_track(joints)]).floor_m == pytest.approx(-1.4 + 0.08 - _ABOVE_FLOOR, abs=0.01)
    empty = estimate_world([])
    assert empty.floor_m < 0 and empty.rotation[1] == pytest.approx([0.0, -1.0, 0.0])
