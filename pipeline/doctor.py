"""What of this program works on this machine, and what to do about the rest."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Literal

__all__ = ["Finding", "examine", "findings_table"]

State = Literal["ok", "absent", "differs", "broken"]
_LEAST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: its name.
        state: ``absent`` and ``differs`` are no hindrance; with ``broken`` something that should work does not.
        detail: versions, numbers, reasons.
        advice: what to do; empty if nothing.
    """

    what: str
    state: State
    detail: str
    advice: str = ""


def examine() -> Iterator[Finding]:
    """Look at everything, one thing after the other; takes some seconds and downloads nothing."""
    yield _python()
    yield _packages()
    yield _devices()
    yield _video()
    yield _shipped_files()
    yield _movenet()
    mmpose = _mmpose()
    yield mmpose
    if mmpose.state in ("ok", "differs"):
        yield _embedded_in_mmpose()
        yield from _weights()
    yield _cache()


def findings_table(findings: list[Finding]) -> str:
    """The findings for people: a table, and below it what to do."""
    from pipeline.evaluate.report import table_text

    advice = [f"{finding.what}: {finding.advice}" for finding in findings if finding.advice]
    rows = [[finding.what, finding.state, finding.detail] for finding in findings]
    return table_text("", ["what", "state", "detail"], rows, advice, left=3)


def _python() -> Finding:
    detail = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    if sys.version_info[:2] < _LEAST_PYTHON:
        return Finding("Python", "broken", detail, "install Python 3.11 or newer and zedo-video in it")
    return Finding("Python", "ok", detail)


def _packages() -> Finding:
    found = f"zedo-video {version('zedo-video')}, " + ", ".join(
        f"{name} {version(name)}" for name in ("torch", "numpy", "onnxruntime") if _installed(name)
    )
    return _compared("packages", _pins(None), found, "pip install -c constraints.txt .")


def _compared(what: str, pins: dict[str, str], detail: str, command: str) -> Finding:
    """Whether the pinned packages are there, in the versions that were tested."""
    missing = [name for name in pins if not _installed(name)]
    # "+cpu" and the like name a build, not another version
    there = {name: version(name).partition("+")[0] for name in pins if name not in missing}
    others = [f"{name} {found} (tested: {pins[name]})" for name, found in there.items() if found != pins[name]]
    if missing:
        return Finding(what, "broken", f"missing: {', '.join(missing)}", command)
    if others:
        return Finding(what, "differs", f"{detail}; {', '.join(others)}", f"should anything fail: {command}")
    return Finding(what, "ok", detail)


def _devices() -> Finding:
    import onnxruntime
    import torch

    from lifting.device import MATMUL, choose_device, matmul_dtype

    names = [f"CPU with {os.cpu_count()} cores, {torch.get_num_threads()} threads"]
    names += [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    names += ["MPS"] if torch.backends.mps.is_available() else []
    providers = [name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers()]
    detail = f"{', '.join(names)}; onnxruntime: {', '.join(providers)}"
    try:
        arithmetic = str(matmul_dtype(choose_device("auto"))).removeprefix("torch.")
    except ValueError as error:
        return Finding("devices", "broken", detail, str(error))
    why = f"{MATMUL} says so" if os.environ.get(MATMUL) else "the fastest here"
    return Finding("devices", "ok", f"{detail}; matrix products in {arithmetic}, {why}")


def _video() -> Finding:
    import av

    missing = [name for name in ("libx264", "libvpx-vp9") if name not in av.codecs_available]
    detail = f"PyAV {version('av')}, FFmpeg libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}"
    if missing:
        return Finding("video", "broken", f"{detail} lacks {', '.join(missing)}", "pip install --force-reinstall av")
    return Finding("video", "ok", detail)


def _shipped_files() -> Finding:
    from assets.integrity import AssetError, asset_path, manifest

    for name in manifest():
        try:
            asset_path(name)
        except AssetError as error:
            return Finding("shipped files", "broken", str(error), "install zedo-video again")
    return Finding("shipped files", "ok", f"{len(manifest())} files have their SHA-256")


def _movenet() -> Finding:
    import numpy as np

    from detectors.registry import create_detector

    try:
        create_detector("movenet").detect(np.full((48, 64, 3), 127, np.uint8))
    except Exception as error:  # whatever it is, it is the finding
        return Finding("detector movenet", "broken", f"{type(error).__name__}: {error}", "install zedo-video again")
    return Finding("detector movenet", "ok", "embedded, COCO-17 keypoints")


def _mmpose() -> Finding:
    from detectors.openmmlab.compat import install
    from detectors.openmmlab.zoo import PACKAGES, missing_packages

    command = "pip install -c constraints.txt '.[mmpose]' in a clone of the repository"
    missing = missing_packages()
    if len(missing) == len(PACKAGES):
        return Finding("detector mmpose", "absent", "not installed; auto takes movenet", command)
    if missing:
        return Finding("detector mmpose", "broken", f"missing: {', '.join(missing)}", command)
    from detectors.openmmlab.building import import_openmmlab
    from detectors.openmmlab.errors import NotInstalled

    try:
        import_openmmlab()
    except NotInstalled as error:
        return Finding("detector mmpose", "broken", str(error).partition(";")[0], command)
    names = ", ".join(f"{package} {version(package)}" for package in PACKAGES.values())
    stand_ins = install()
    detail = f"{names}; stand-ins: {', '.join(stand_ins)}" if stand_ins else names
    return _compared("detector mmpose", _pins("mmpose"), detail, command)


def _embedded_in_mmpose() -> Finding:
    from detectors.openmmlab.zoo import EMBEDDED_POSE
    from detectors.options import DetectorOptions
    from detectors.registry import create_detector

    try:
        create_detector("mmpose", DetectorOptions(pose_config=EMBEDDED_POSE, runtime="torch", device="cpu"))
    except Exception as error:  # whatever it is, it is the finding
        return Finding("MoveNet in mmpose", "broken", f"{type(error).__name__}: {error}", "install zedo-video again")
    return Finding("MoveNet in mmpose", "ok", f"--pose-config {EMBEDDED_POSE} needs no download")


def _weights() -> Iterator[Finding]:
    from detectors.openmmlab.cache import cache_folder, find_weights
    from detectors.openmmlab.zoo import DEFAULT_BOXES, DEFAULT_POSE, find_config, zoo_weights

    for what, name, kind in (("boxes", DEFAULT_BOXES, "det"), ("keypoints", DEFAULT_POSE, "pose")):
        url = zoo_weights(find_config(name, "det" if kind == "det" else "pose")) or ""
        path = find_weights(url)
        if path is None:
            advice = f"a run with network downloads it; by hand: {url} into {cache_folder() / 'weights'}"
            yield Finding(f"weights of {what}", "absent", f"{name}; auto takes movenet without them", advice)
        else:
            yield Finding(f"weights of {what}", "ok", f"{name}, {path}")


def _cache() -> Finding:
    from detectors.openmmlab.cache import cache_folder

    folder = cache_folder()
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(nearest, os.W_OK):
        advice = "name another folder in the environment variable ZEDO_CACHE"
        return Finding("cache", "differs", f"{folder} cannot be written; only mmpose needs it", advice)
    return Finding("cache", "ok", f"{folder}, {len(files)} files, {size:.0f} MB")


def _pins(extra: str | None) -> dict[str, str]:
    """Tested versions of the required packages, or of those that an extra adds."""
    pins = {}
    for text in requires("zedo-video") or []:
        requirement, _, marker = text.partition(";")
        name, _, pin = requirement.strip().partition("==")
        if (f'"{extra}"' in marker.replace("'", '"')) if extra else not marker:
            pins[name] = pin
    return pins


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
