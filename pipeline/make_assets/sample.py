"""Render the shipped sample clip: ``python -m pipeline.make_assets.sample`` writes the film and its truth.

A clothed figure is built around the 17 joints of a motion-capture clip and drawn by sphere tracing a signed distance
field, so that a keypoint detector sees a person and the exact 3D truth of every frame is known. It takes about five
minutes on two cores. The SHA-256 of what is written belongs into ``manifest.json``.

``sample_motion.npz``, the input (no pickles): ``positions_m [T, 17, 3]`` float32, metres, world (y up, floor near
y = 0); ``fps``; ``joint_names [17]`` as in ``detectors.layouts.H36M_17``; ``source``, ``licence`` (text).

``sample_truth.npz`` (no pickles): ``joints_m [T, 17, 3]`` float64, metres, camera frame of that frame (x right, y down,
z forward); ``keypoints_px [T, 17, 2]`` their projections; ``K [3, 3]``; ``image_size [2]`` (width, height); ``fps``;
``time_s [T]``; ``joint_names [17]`` as in the motion; ``meaning``, ``source``, ``licence`` (text).
The joints are those of the motion-capture skeleton, and what each means is said in ``JOINT_MEANING``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.body.joints import ANKLES, HIPS, PELVIS
from pipeline.make_assets.render import IMAGE_SIZE, View, render, view
from pipeline.make_assets.solid import Vector

__all__ = ["JOINT_MEANING", "Motion", "encode", "load_motion", "truth", "views"]

FOLDER = Path(str(files("assets")))
ANKLE_HEIGHT = 0.085  # of the figure in its shoes, metres
JOINT_MEANING = (
    "Joints are rotation centres of the motion-capture skeleton inside the body, not points on its surface. pelvis: "
    "midpoint of the hips; spine: a third up the lower back; thorax: base of the neck; head_top: end of the head bone, "
    "9 cm below the figure's crown; nose: midway between the neck base and the end of the head bone, 6.6 cm "
    "forward, 5 cm below and 6 cm behind the tip of the figure's nose; shoulder, elbow, wrist, hip, knee, ankle: the "
    "joint centres."
)


@dataclass(frozen=True)
class Motion:
    """A motion on the stage: ``joints [T, 17, 3]`` metres, y up, floor at 0, facing +z; and where it comes from."""

    joints: Vector
    fps: int
    source: str
    licence: str

    @property
    def time_s(self) -> Vector:
        """Time of every frame, ``[T]`` seconds."""
        return np.arange(len(self.joints)) / self.fps


def load_motion(path: Path) -> Motion:
    """Read ``sample_motion.npz``, put its lowest ankle at shoe height, its middle at the origin, its hips facing +z.

    Raises ValueError if the joints are not those of H36M_17.
    """
    with np.load(path, allow_pickle=False) as data:
        if tuple(data["joint_names"]) != H36M_17.joints:
            raise ValueError(f"{path}: the joints must be those of {H36M_17.name}, in its order")
        joints = data["positions_m"].astype(np.float64)
        fps, source, licence = int(data["fps"]), str(data["source"]), str(data["licence"])
    ankles = joints[:, ANKLES, 1]
    middle = joints[:, PELVIS].mean(axis=0)
    joints = joints - [middle[0], ankles.min() - ANKLE_HEIGHT, middle[2]]
    across = (joints[:, HIPS[1]] - joints[:, HIPS[0]]).mean(axis=0)
    x, z = across[[0, 2]] / np.hypot(across[0], across[2])
    turn = np.array([[x, 0.0, z], [0.0, 1.0, 0.0], [-z, 0.0, x]])
    return Motion(joints @ turn.T, fps, source, licence)


def views(motion: Motion, image_size: tuple[int, int] = IMAGE_SIZE) -> list[View]:
    """The camera of every frame."""
    duration = len(motion.joints) / motion.fps
    return [view(float(t), duration, image_size) for t in motion.time_s]


def truth(motion: Motion) -> dict[str, Any]:
    """The arrays of ``sample_truth.npz``."""
    cameras = views(motion)
    joints = np.stack([camera.transform(pose) for camera, pose in zip(cameras, motion.joints, strict=True)])
    return {
        "joints_m": joints,
        "keypoints_px": cameras[0].camera.project(joints),
        "K": cameras[0].camera.K,
        "image_size": np.array(IMAGE_SIZE),
        "fps": np.array(float(motion.fps)),
        "time_s": motion.time_s,
        "joint_names": np.array(H36M_17.joints),
        "meaning": np.array(JOINT_MEANING),
        "source": np.array(motion.source),
        "licence": np.array(motion.licence),
    }


def pictures(motion: Motion, workers: int) -> Iterator[NDArray[np.uint8]]:
    """All frames in order, each ``[H, W, 3]`` uint8 RGB, drawn by several processes."""
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(render, motion.joints, views(motion))


def encode(path: Path, images: Iterable[NDArray[np.uint8]], fps: int) -> None:
    """Write RGB images ``[H, W, 3]`` (even sizes) as H.264 with BT.709 colours, ready to be played while it loads."""
    import av

    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "18", "preset": "slow"})
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, fps)
        stream.codec_context.colorspace, stream.codec_context.color_range = 1, 1
        for index, image in enumerate(images):
            if index == 0:
                stream.height, stream.width = image.shape[:2]
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(
                format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
            )
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Render the sample clip and its truth.")
    parser.add_argument("--out-dir", type=Path, default=FOLDER, help="where to write (default: beside this file)")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw (default: 2)")
    options = parser.parse_args()
    motion = load_motion(FOLDER / "sample_motion.npz")
    np.savez_compressed(options.out_dir / "sample_truth.npz", allow_pickle=False, **truth(motion))
    encode(options.out_dir / "sample.mp4", pictures(motion, options.workers), motion.fps)


if __name__ == "__main__":
    main()
