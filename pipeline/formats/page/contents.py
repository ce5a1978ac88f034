"""What the page is told: people in upright axes, angles, the camera, colours, and how the result was made."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.kinematics.angles import ANGLES
from lifting.kinematics.spread import ACROSS, ALONG
from lifting.world.frame import World
from pipeline.formats.page.columns import packed
from pipeline.formats.page.proxy import Proxy
from pipeline.results.kinematics import PersonMotion, motions
from pipeline.results.result import Result
from pipeline.results.schema import jsonable
from pipeline.results.standing import stand, standing
from visualize.palette import SIDE_COLOURS, accent

__all__ = ["page_contents"]


def page_contents(result: Result, proxy: Proxy | None) -> dict[str, Any]:
    """Everything in JSON; tables as ``columns.packed`` makes them.

    Args:
        result: everybody.
        proxy: the video, if it is at hand.
    """
    stood = stand(result)
    world = stood.world
    assert world is not None
    people = motions(result)
    index = world.frame_index if proxy is None else np.union1d(world.frame_index, proxy.frame_index)
    times = _times(result, index, proxy)
    # Frames that the world does not know stand where the one before did.
    rows = np.clip(np.searchsorted(world.frame_index, index, side="right") - 1, 0, None)
    matrices = (
        world.world_from_camera[rows, :3] if len(world.frame_index) else np.tile(np.eye(4)[:3], (len(index), 1, 1))
    )
    contents: dict[str, Any] = {
        "title": _title(result, proxy),
        "record": result.record(),
        "axes": standing(stood).sentence,
        "in_world": standing(stood).in_world,
        "K": result.camera.K,
        "image_size": result.camera.image_size,
        "joint_names": H36M_17.joints,
        "bones": H36M_17.edges,
        "sides": [H36M_17.side(joint) for joint in range(len(H36M_17))],
        "bone_sides": [H36M_17.bone_side(a, b) for a, b in H36M_17.edges],
        "side_colours": SIDE_COLOURS,
        "spread": {"across": ACROSS, "along": ALONG},
        "angles": [{"name": angle.name, "meaning": angle.meaning} for angle in ANGLES],
        "video": _video(proxy),
        "frames": {
            "index": packed(index, 0),
            "time_s": packed(times, 4),
            "shot": packed(world.shot[rows] if len(world.shot) else np.zeros(len(index)), 0),
            "world_from_camera": packed(matrices, 6),
        },
        "people": [_person(motion, world, index, result) for motion in people],
    }
    plain: dict[str, Any] = jsonable(contents)
    return plain


def _person(motion: PersonMotion, world: World, index: NDArray[np.int64], result: Result) -> dict[str, Any]:
    track = motion.track
    joints = motion.joints_m.reshape(len(track), -1)
    raw = world(track.raw_joints_m, track.frame_index).reshape(len(track), -1)
    # Joints that the image does not show are drawn where the camera would see them, as in the pictures.
    again = result.camera.project(track.joints_m)
    points = np.where(track.imputed[..., None] & np.isnan(track.keypoints_px), again, track.keypoints_px)
    return {
        "id": track.track_id,
        "colour": accent(track.track_id),
        "first": int(np.searchsorted(index, track.frame_index[0])) if len(track) else 0,
        "joints": packed(joints, 3),
        "raw": packed(raw, 3, like=joints),
        "sigma": packed(track.sigma_m, 3),
        "imputed": packed(track.imputed, 0),
        "keypoints": packed(points, 0 if max(result.camera.image_size) > 1000 else 1),
        "confidence": packed(track.confidence, 2),
        "boxes": packed(track.boxes, 0),
        "contacts": packed(track.contacts, 2),
        "angles": packed(motion.angles.degrees, 1),
        "angles_sd": packed(motion.angles.sigma, 1),
        "speed": packed(motion.path.speed_m_s, 2),
    }


def _times(result: Result, index: NDArray[np.int64], proxy: Proxy | None) -> NDArray[np.float64]:
    """Seconds of every frame: those of the result where it knows them, then those of the video, then in between."""
    times = np.full(len(index), np.nan)
    if proxy is not None:
        times[np.searchsorted(index, proxy.frame_index)] = proxy.time_s
    for track in result.tracks:
        times[np.searchsorted(index, track.frame_index)] = track.time_s
    known = np.flatnonzero(np.isfinite(times))
    if len(known) < 2:
        video = result.metadata.get("video")
        stated = video.get("fps") if isinstance(video, dict) else None
        rate = stated if isinstance(stated, (int, float)) and stated > 0 else 25.0
        begin = times[known[0]] - index[known[0]] / rate if len(known) else 0.0
        return np.where(np.isfinite(times), times, begin + index / rate)
    step = (times[known[-1]] - times[known[0]]) / (index[known[-1]] - index[known[0]])
    filled = np.interp(index, index[known], times[known])
    before, after = index < index[known[0]], index > index[known[-1]]
    filled[before] = times[known[0]] - step * (index[known[0]] - index[before])
    filled[after] = times[known[-1]] + step * (index[after] - index[known[-1]])
    return filled


def _video(proxy: Proxy | None) -> dict[str, Any] | None:
    if proxy is None:
        return None
    return {
        "name": proxy.name,
        "inside": proxy.data is not None,
        # Where in the video of the page each of its frames begins.
        "frame_index": packed(proxy.frame_index, 0),
        "time_s": packed(proxy.time_s - proxy.time_s[:1], 4),
    }


def _title(result: Result, proxy: Proxy | None) -> str:
    """What was filmed, as files are called."""
    video = result.metadata.get("video")
    if isinstance(video, dict) and isinstance(video.get("file"), str):
        return str(video["file"])
    return "people in 3D" if proxy is None else proxy.name
