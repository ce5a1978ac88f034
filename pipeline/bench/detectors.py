"""``zedo-video bench --detectors``: how long each detector takes, by onnxruntime and by PyTorch."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipeline.evaluate.report import Report, table_text, versions
from pipeline.machine import describe_machine
from pipeline.progress import Reporter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["bench_detectors", "detector_table"]

_FRAMES = 8
_REPEATS = 3
_RUNTIMES: tuple[Literal["onnx", "torch"], ...] = ("onnx", "torch")
_BACKGROUND = "background, 1080p"
# Networks of MMDet and MMPose, and what a run of one of them gives.
NETWORKS: tuple[tuple[str, Literal["det", "pose"], str], ...] = (
    ("movenet-thunder", "pose", "keypoints"),
    ("rtmdet_nano_320-8xb32_coco-person", "det", "boxes"),
    ("rtmdet_m_640-8xb32_coco-person", "det", "boxes"),
    ("rtmpose-s_8xb1024-700e_body8-halpe26-256x192", "pose", "keypoints"),
    ("rtmpose-m_8xb512-700e_body8-halpe26-256x192", "pose", "keypoints"),
    ("rtmpose-m_8xb64-270e_coco-wholebody-256x192", "pose", "keypoints"),
    ("rtmo-s_8xb32-600e_body7-640x640", "pose", "both"),
)


def bench_detectors(reporter: Reporter, *, frames: int = _FRAMES, repeats: int = _REPEATS) -> Report:
    """Time the embedded detector and, if it is installed, networks of MMPose and MMDet on frames of the sample clip.

    Layers take the same time whatever the weights: networks whose weights are not on disk get random ones and are told
    to find nobody. Nothing is downloaded.

    Args:
        reporter: gets the progress.
        frames: how many frames of the clip.
        repeats: how often each case is repeated after a warm-up; the fastest counts.
    """
    from assets.integrity import asset_path
    from detectors.movenet.detector import MoveNetDetector
    from detectors.openmmlab.zoo import missing_packages
    from pipeline.media.decode import read_frames

    began = time.perf_counter()
    clip = [frame.image for frame, _ in zip(read_frames(asset_path("sample.mp4")), range(frames), strict=False)]
    groups: list[dict[str, Any]] = []
    cases = 2 if missing_packages() else 2 + len(NETWORKS) * len(_RUNTIMES)
    with reporter.stage("bench", cases, "cases") as advance:
        detector = MoveNetDetector()

        def follow() -> None:
            people = detector.detect(clip[0])
            for index, image in enumerate(clip[1:], start=1):
                people = detector.detect(image, people, index)

        groups.append({"network": "movenet (embedded)", "gives": "both", "runtime": "onnx", "weights": "shipped"}
                      | _timed(follow, len(clip), repeats))  # fmt: skip
        groups.append({"network": _BACKGROUND, "gives": "background", "runtime": "opencv", "weights": "none"}
                      | _background(repeats, 4 * frames))  # fmt: skip
        advance(2)
        if not missing_packages():
            for group in _networks(clip, repeats):
                groups.append(group)
                advance(len(groups))
    return Report(
        protocol={
            "name": "bench detectors",
            "pictures": f"{len(clip)} frames of the shipped sample clip, 640x480, one person, one frame at a time",
            "background": "a wall that the camera pans along by 6 px a frame, followed to find the camera's motion",
            "ms": "per frame (boxes, both, background) or per person (keypoints): preparation, layers, reading of the "
            "outputs; fastest repetition",
            "cpu_ms": "the same in time of all threads of the process, which other programs disturb less",
            "random_weights": "nobody is found, so what happens to boxes is not in the time",
        },
        metrics={f"{group['network']}, {group['runtime']}": group["ms"] for group in groups},
        per_group=groups,
        time={"seconds": time.perf_counter() - began, **describe_machine()},
        provenance={"versions": versions("zedo-video", "onnxruntime", "torch", "mmpose", "mmdet", "mmcv-lite")},
    )


def detector_table(report: Report) -> str:
    """The report for people."""
    rows = [
        [
            group["network"], group["gives"], group["runtime"], group["weights"], f"{group['ms']:.0f}",
            f"{group['cpu_ms']:.0f}",
        ]
        for group in report.per_group
    ]  # fmt: skip
    machine = report.time
    notes = [
        f"ms: {report.protocol['ms']}",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads, load {machine['load_average']}; "
        "times are ratios of this run, other programs slow them down",
    ]
    if len(rows) == 2:
        notes.append("MMPose is not installed; zedo-video doctor says how")
    return table_text("Detectors", ["network", "gives", "runtime", "weights", "ms", "CPU ms"], rows, notes)


def _background(repeats: int, frames: int) -> dict[str, float]:
    """Following the background of a pan in 1920 x 1080."""
    import cv2
    import numpy as np

    from detectors.background.follow import BackgroundFollower

    spots = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, (1080, 1920 + 6 * frames)), (0, 0), 6)
    wall = np.repeat(np.clip(128 + 45 * spots / spots.std(), 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    pictures = [np.ascontiguousarray(wall[:, 6 * frame : 6 * frame + 1920]) for frame in range(frames)]

    def follow() -> None:
        follower = BackgroundFollower()
        for frame, picture in enumerate(pictures):
            follower.follow(picture, (), frame / 30)

    return _timed(follow, frames, repeats)


def _networks(clip: list[NDArray[np.uint8]], repeats: int) -> Iterator[dict[str, Any]]:
    import numpy as np

    from assets.integrity import asset_path
    from detectors.openmmlab.cache import find_weights
    from detectors.openmmlab.finders import OneStage, TopDown, ZooBoxes
    from detectors.openmmlab.network import Network, load_network
    from detectors.openmmlab.zoo import find_config, zoo_weights

    pictures = [np.ascontiguousarray(image[..., ::-1]) for image in clip]
    height, width = pictures[0].shape[:2]
    whole = np.array([0, 0, width, height, 1], np.float32)

    def once(network: Network, kind: str) -> Callable[[], object]:
        if kind == "det":
            boxes = ZooBoxes(network, 0.3)
            return lambda: [boxes.find([picture]) for picture in pictures]
        if network.one_stage:
            both = OneStage(network, 0.3)
            return lambda: [both.find([picture]) for picture in pictures]
        network.model.test_cfg["flip_test"] = False
        keypoints = TopDown(ZooBoxes(network, 0.3), network)
        return lambda: [keypoints.place([(picture, whole)]) for picture in pictures]

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, kind, gives in NETWORKS:
            config = find_config(title, kind)
            source = zoo_weights(config) or ""
            known = asset_path(source) if source.endswith(".onnx") else find_weights(source)
            weights = known or _random_weights(config, kind, folder)
            for runtime in _RUNTIMES:
                network = load_network(config, weights, kind, runtime=runtime, folder=folder)
                if known is None:
                    network.find_nobody()
                time_ms = _timed(once(network, kind), len(clip), repeats)
                label = "random" if known is None else "shipped" if source.endswith(".onnx") else "published"
                yield {"network": title, "gives": gives, "runtime": network.runtime, "weights": label} | time_ms


def _random_weights(config: Path, kind: Literal["det", "pose"], folder: Path) -> Path:
    """A checkpoint of a model as it is before training."""
    import torch

    from detectors.openmmlab.building import build_model

    path = folder / f"{config.stem}.pth"
    torch.save({"state_dict": build_model(config, kind)[0].state_dict()}, path)
    return path


def _timed(run: Callable[[], object], frames: int, repeats: int) -> dict[str, float]:
    run()
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        walls.append((time.perf_counter() - wall) / frames * 1000)
        cpus.append((time.process_time() - cpu) / frames * 1000)
    return {"ms": min(walls), "cpu_ms": min(cpus)}
