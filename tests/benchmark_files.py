"""Benchmark files as people have them, made of poses whose truth is known: every format with its types and corners."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from assets.integrity import asset_path
from detectors.layouts import COCO_17, H36M_17

Array = NDArray[Any]

# Intrinsics of the cameras of the real data: fx, fy, cx, cy in px.
H36M_CAMERAS = ((1145.0494, 1143.7811, 512.5415, 515.4515), (1149.6757, 1147.5917, 508.8486, 508.0649))
MPI_CAMERAS = ((1500.0027, 1500.6536, 1017.3768, 1043.0617), (1683.4033, 1671.9981, 939.9367, 560.1967))
PW3D_FOCAL, PW3D_CENTRE = (1961.8529, 1969.2308), (540.0, 960.0)
KINECT = (588.67905803875317, 590.25690113005601, 322.22048191353628, 237.46785983766890)

#: Joint i of 3DPW's 17 is this joint of H36M_17, as the issue of the format says.
PW3D_ORDER = [5, 2, 6, 3, 11, 14, 12, 15, 13, 16, 1, 4, 8, 10, 0, 7, 9]
#: H36M_17 among the 25 joints of MINI-RGBD.
SMIL_ORDER = [0, 2, 5, 11, 1, 4, 10, 3, 9, 12, 15, 13, 18, 20, 14, 19, 21]
SPIN = ("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist", "right_elbow",
        "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "neck", "head")  # fmt: skip


def people(count: int, distance_m: float = 4.0, scale: float = 1.0) -> NDArray[np.float64]:
    """``[count, 17, 3]`` somebody who moves before a camera: metres, camera axes."""
    with np.load(asset_path("sample_motion.npz")) as stored:
        poses = stored["positions_m"].astype(np.float64)
    poses = poses[np.linspace(0, len(poses) - 1, count).round().astype(int)]
    poses = (poses - poses[:, :1]) * [1, -1, -1] * scale
    yaw = np.linspace(0, 2, count)
    turn = np.zeros((count, 3, 3))
    turn[:, 0, 0] = turn[:, 2, 2] = np.cos(yaw)
    turn[:, 0, 2], turn[:, 2, 0], turn[:, 1, 1] = np.sin(yaw), -np.sin(yaw), 1
    along = np.linspace(-0.3, 0.3, count)
    place = np.stack([along, 0.1 + 0 * along, distance_m + along], axis=1)
    return np.einsum("nij,nkj->nki", turn, poses) + place[:, None]


def project(joints: NDArray[np.float64], camera: tuple[float, ...]) -> NDArray[np.float64]:
    """Pixels of a camera fx, fy, cx, cy."""
    return joints[..., :2] / joints[..., 2:] * camera[:2] + camera[2:]


def h36m_frames(joints: NDArray[np.float64]) -> list[dict[str, Any]]:
    frames = []
    for index, pose in enumerate(joints):
        camera = H36M_CAMERAS[index % 2]
        # Numbers in arrays of one, of none, or of both axes: .item() of the last is what the others are made for.
        kind: tuple[Callable[[float], Any], ...] = (
            lambda v: np.array([v]), lambda v: np.array(v, np.float32), lambda v: np.float64(v),
        )  # fmt: skip
        frames.append({
            "joint_3d_camera": (pose * 1000).astype(np.float32 if index % 2 else np.float64),
            "joint_3d_image": np.concatenate([project(pose, camera), pose[:, 2:] * 1000], axis=1),
            "camera_param": {n: kind[index % 3](v) for n, v in zip(("fx", "fy", "cx", "cy"), camera, strict=True)},
            "image_path": f"s_09_act_{2 + index // 2 % 15:02d}_subact_01_ca_0{1 + index % 2}/{index:06d}.jpg",
            "action": 2 + index // 2 % 15, "subject": 9,
        })  # fmt: skip
    return frames


def write_h36m(folder: Path, joints: NDArray[np.float64], protocol: int = 4) -> None:
    frames = h36m_frames(joints)
    (folder / "h36m_test.pkl").write_bytes(pickle.dumps(frames, protocol=protocol))
    pixels = np.stack([frame["joint_3d_image"] for frame in frames])
    confidence = np.linspace(0, 1.02, len(joints) * 17, dtype=np.float32).reshape(-1, 17, 1)
    found = {part: {"joint3d_image": pixels + 1.5, "confidence": confidence} for part in ("train", "test")}
    (folder / "h36m_sh_dt_ft.pkl").write_bytes(pickle.dumps(found, protocol=protocol))


def pw3d_arrays(joints: NDArray[np.float64]) -> dict[str, Any]:
    count = len(joints)
    root = joints[:, 0].astype(np.float32)
    relative = (joints - joints[:, :1])[:, PW3D_ORDER]
    return {
        "keypoints3d17_relative": np.concatenate([relative, np.ones((count, 17, 1))], axis=2).astype(np.float32),
        "root_cam": root,
        "cam_param": np.array({"f": np.tile(PW3D_FOCAL, (count, 1)), "c": np.tile(PW3D_CENTRE, (count, 1))}, object),
        "image_width": np.full(count, 1080), "image_height": np.full(count, 1920),
        "image_path": np.array([f"imageFiles/downtown_{i // 3:02d}/image_{i:05d}.jpg" for i in range(count)]),
    }  # fmt: skip


def write_3dpw(folder: Path, joints: NDArray[np.float64]) -> None:
    np.savez(folder / "pw3d_test.npz", **pw3d_arrays(joints))


def mpi_frames(joints: NDArray[np.float64]) -> list[dict[str, Any]]:
    frames = []
    for index, pose in enumerate(joints):
        camera = MPI_CAMERAS[index % 2]
        frames.append({
            "joint_3d_camera": pose * 1000, "joint_2d": project(pose, camera), "w": 2048, "h": np.array([2048]),
            "camera_param": dict(zip(("fx", "fy", "cx", "cy"), camera, strict=True)),
            "imageid": f"TS{1 + index % 2}/imageSequence/img_{index:06d}.jpg",
            "valid_i": np.array([1], np.uint8), "action": np.array([1 + index % 7]),
        })  # fmt: skip
        # Frames that do not count hold anything.
        frames.append({**frames[-1], "valid_i": np.array([0], np.uint8), "joint_3d_camera": np.full((17, 3), np.nan)})
    return frames


def write_3dhp(folder: Path, joints: NDArray[np.float64]) -> None:
    (folder / "mpii3d_test.pkl").write_bytes(pickle.dumps(mpi_frames(joints)))


def ski_arrays(joints: NDArray[np.float64]) -> dict[str, Array]:
    count = len(joints)
    camera = (8.0, 8.1, 0.5, 0.49)
    K = np.zeros((count, 3, 3), np.float32)
    K[:, [0, 1, 0, 1], [0, 1, 2, 2]], K[:, 2, 2] = camera, 1
    return {
        "3D": joints.reshape(count, 51).astype(np.float32),
        "2D": project(joints, camera).reshape(count, 34).astype(np.float32),
        "cam_intrinsic": K, "seq": np.full(count, 3.0), "cam": np.arange(count) % 2, "frame": np.arange(count) // 2,
    }  # fmt: skip


def write_ski(folder: Path, joints: NDArray[np.float64]) -> None:
    with h5py.File(folder / "ski_test.h5", "w") as stored:
        for name, array in ski_arrays(joints).items():
            stored[name] = array


def smil(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """25 joints among which are the 17; the others are somewhere near."""
    full = np.repeat(joints[:, :1], 25, axis=1) + 0.05
    full[:, SMIL_ORDER] = joints
    return full


def write_mini_rgbd(folder: Path, joints: NDArray[np.float64]) -> None:
    full = smil(joints)
    pixels = project(full, KINECT)
    for number, (deep, flat) in enumerate(zip(full, pixels, strict=True)):
        sequence = folder / ("11" if number % 2 == 0 else "12")
        for name, table in (("joints_3D", deep), ("joints_2Ddep", np.concatenate([flat, deep[:, 2:]], axis=1))):
            (sequence / name).mkdir(parents=True, exist_ok=True)
            lines = [" ".join(f"{v:.8f}" for v in row) + f" {joint}" for joint, row in enumerate(table)]
            (sequence / name / f"syn_{name}_{number // 2:05d}.txt").write_text("\n".join(lines) + "\n")


def write_mini_rgbd_packed(folder: Path, joints: NDArray[np.float64]) -> None:
    full = smil(joints)
    frames = {
        f"{11 + number % 2}_syn_joints_2Ddep_{number // 2:05d}.txt": {
            "pose_2d": project(pose, KINECT).astype(np.float32), "pose_3d": pose.astype(np.float32)
        } for number, pose in enumerate(full)
    }  # fmt: skip
    # In no order, as a folder is listed.
    shuffled = dict(sorted(frames.items(), key=lambda item: item[0][::-1]))
    np.save(folder / "MINI-RGBD.npy", np.array({"train": {}, "validate": shuffled}, object))


def write_syrip(folder: Path, joints: NDArray[np.float64]) -> None:
    """Images of the judged half lie among others; annotations are in another order than images."""
    count = len(joints)
    truth = np.zeros((count + 3, 14, 3))
    for place, name in enumerate(SPIN[:12]):
        truth[3:, place] = (joints - joints[:, :1])[:, H36M_17.index(name)] + 0.1
    names = [f"GB/image_{1600 + i:05d}.jpg" for i in range(3)] + [f"GB/image_{i:05d}.jpg" for i in range(count)]
    originals = [[f"image_{i:05d}.jpg", f"train{101 + i:05d}.jpg"] for i in range(count)]
    images, annotations = [], []
    for index, pose in enumerate(joints):
        width, height = 1536 + index, 2048
        pixels = project(pose, (2000.0, 2000.0, width / 2, height / 2))
        keypoints = np.zeros((17, 3))
        for name in H36M_17.joints:
            if name in COCO_17.joints:
                keypoints[COCO_17.index(name)] = [*pixels[H36M_17.index(name)], 2 - index % 2]
        keypoints[COCO_17.index("right_wrist")] = [-45, -45, 0]
        images.append({"file_name": originals[index][1], "id": 101 + index, "width": width, "height": height})
        annotations.append({"id": 101 + index, "image_id": 101 + index, "keypoints": keypoints.ravel().tolist()})
    for name in ("SyRIP_3d_correction", "SyRIP_3d_pred", "survey_data", "SyRIP_2d_gt/train200"):
        (folder / name).mkdir(parents=True)
    np.save(folder / "SyRIP_3d_correction/correct_3D.npy", truth)
    np.save(folder / "SyRIP_3d_pred/output_imgnames.npy", np.array(names))
    np.save(folder / "survey_data/img_name700_map.npy", np.array(originals))
    stored = {"images": images, "annotations": annotations[::-1], "categories": [{"id": 1, "name": "person"}]}
    (folder / "SyRIP_2d_gt/train200/person_keypoints_train_infant.json").write_text(json.dumps(stored))


#: name of the data set -> (writer, how far away people are in m, how large beside an adult)
WRITERS: dict[str, tuple[Callable[[Path, NDArray[np.float64]], None], float, float]] = {
    "h36m": (write_h36m, 4.5, 1.0),
    "3dpw": (write_3dpw, 5.0, 1.0),
    "3dhp": (write_3dhp, 3.5, 1.0),
    "ski": (write_ski, 22.0, 1.0),
    "mini-rgbd": (write_mini_rgbd, 0.9, 0.35),
    "syrip": (write_syrip, 3.0, 0.35),
}


def write_dataset(name: str, folder: Path, count: int) -> NDArray[np.float64]:
    """Files of ``count`` poses in a new folder; the truth ``[count, 17, 3]`` in metres."""
    writer, distance_m, scale = WRITERS[name]
    joints = people(count, distance_m, scale)
    folder.mkdir(parents=True)
    writer(folder, joints)
    return joints
