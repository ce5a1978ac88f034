"""Small files of keypoints as each program writes them, of known people."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import COCO_17, H36M_17

#: OpenPose's order.
BODY_25 = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist"),
    *("hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    *("right_eye", "left_eye", "right_ear", "left_ear"),
    *("left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel"),
)
COCO_18 = (*BODY_25[:8], *BODY_25[9:19])


def places(names: tuple[str, ...], frame: int, who: int = 0) -> NDArray[np.float64]:
    """``[J, 3]`` x, y, confidence, each joint where its name says, whatever the order."""
    rows = []
    for name in names:
        seed = sum(map(ord, name))
        rows.append([100.0 + seed % 97 + frame + 300 * who, 50.0 + seed % 89, 0.5 + seed % 5 / 10])
    return np.array(rows)


def write_coco(path: Path, *, names: tuple[str, ...] = COCO_17.joints, alphapose: bool = False) -> None:
    entries = []
    for frame in (0, 1, 3):
        for who in range(2):
            entry = {
                "image_id": f"clip_{frame:05}.jpg" if alphapose else frame, "category_id": 1, "score": 0.9,
                "keypoints": places(names, frame, who).ravel().tolist(),
            }  # fmt: skip
            entries.append(entry | ({"box": [90, 40, 120, 110], "idx": who + 1} if alphapose else {}))
    path.write_text(json.dumps(entries))


def write_openpose(folder: Path, names: tuple[str, ...] = BODY_25) -> None:
    folder.mkdir(exist_ok=True)
    for frame in range(3):
        people = [{"person_id": [-1], "pose_keypoints_2d": places(names, frame).ravel().tolist()}] if frame != 1 else []
        (folder / f"clip_{frame:012}_keypoints.json").write_text(json.dumps({"version": 1.3, "people": people}))


def write_mmpose(path: Path, *, demo: bool = False) -> None:
    frames = []
    for frame in range(3):
        xyc = places(COCO_17.joints, frame)
        xyc[0, 2] = 1.04
        instance = {
            "keypoints": xyc[:, :2].tolist(), "keypoint_scores": xyc[:, 2].tolist(),
            "bbox": [[90.0, 40.0, 210.0, 150.0]], "bbox_score": 0.8,
        }  # fmt: skip
        frames.append({"frame_id": frame + demo, "instances": [instance]})
    path.write_text(json.dumps({"meta_info": {}, "instance_info": frames} if demo else frames))


def write_own(path: Path) -> None:
    people = [
        {"id": who, "frame": frame, "time_s": frame / 25, "box": [90, 40, 210, 150],
         "keypoints": places(H36M_17.joints, frame, who).ravel().tolist()}
        for who in (1, 4) for frame in range(3)
    ]  # fmt: skip
    header = {"format": "zedo-video people", "version": 1, "layout": "h36m-17", "image_size": [640, 480], "fps": 25}
    path.write_text(json.dumps(header | {"people": people}))
