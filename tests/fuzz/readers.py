"""Everything that reads a file of a stranger, each with small valid files to begin from."""

from __future__ import annotations

import atexit
import io
import json
import pickle
import socket
from collections.abc import Callable
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass
from functools import cache, partial
from io import StringIO
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any
from unittest.mock import patch

import av
import h5py
import numpy as np
import torch
from PIL import Image, features
from safetensors.torch import save_file

from assets.untrusted import UntrustedFileError
from assets.untrusted.arrays import load_npy, load_npz
from assets.untrusted.hdf5 import load_hdf5
from assets.untrusted.images import exif_focal_35mm, exif_orientation
from assets.untrusted.pickles import load_pickle
from assets.untrusted.texts import load_json, load_toml
from assets.untrusted.weights import load_checkpoint, load_safetensors
from detectors.keypoint_files.read import read_keypoints
from detectors.layouts import COCO_17, H36M_17
from detectors.openmmlab.checkpoints import read_weights
from detectors.openmmlab.errors import ModelError
from detectors.people import Person2D
from lifting.initial.network import InitialNetwork
from lifting.initial.weights import load_initialiser, load_templates, save_initialiser
from lifting.prior.averaging import average
from lifting.prior.network import ScoreNetwork
from lifting.prior.weights import load_prior, save_prior
from lifting.training.engine import Pacing, RunState
from lifting.training.mocap.bvh import parse_bvh
from lifting.training.mocap.skeleton_maps import parse_map
from pipeline.errors import InputError, UserError
from pipeline.evaluate.dataset import Measured, keep_sound_blocks, lifted_blocks, load_dataset, load_predictions
from pipeline.evaluate.mocap import load_mocap
from pipeline.evaluate.multiview import load_reference
from pipeline.evaluate.subject import Subject
from pipeline.evaluate.tables import figure_table, stored_rows
from pipeline.evaluate.video import load_clips
from pipeline.files.workspace import Workspace
from pipeline.live.feed import Feed, Picture
from pipeline.live.server import PageServer
from pipeline.media.decode import probe, read_frames
from pipeline.progress import QuietReporter
from pipeline.report.numbers import report_of
from pipeline.results.exporters import save
from pipeline.results.result import Result, load_result
from pipeline.settings import load_settings
from pipeline.stages import detect as detection
from pipeline.stages.camera import load_camera
from pipeline.stages.detect import detect_people, stored_background, stored_people
from pipeline.stages.motion import load_camera_path
from pipeline.train.data import load_motion
from pipeline.train.pose_files import PrepareSettings
from pipeline.train.prepare import prepare
from pipeline.train.run import _best, _forget_after
from pipeline.train.settings import read_initialiser_settings, read_train_settings
from tests.benchmark_files import WRITERS, people, write_mini_rgbd_packed
from tests.detectors.keypoint_files.files import write_coco, write_mmpose, write_openpose, write_own
from tests.pipeline.media.heif import write_grid
from tests.pipeline.media.videos import jpeg, picture, write_video
from tests.pipeline.results.test_result import CAMERA, metadata, track
from tests.pipeline.train.walking import expected, names, walk, write_bvh

ROOT = Path(__file__).parents[2]
OURS = (UserError, UntrustedFileError)
#: Seconds in which the server answers or closes.
SERVER_S = 8
_PACING = Pacing(steps=3, batch=4)


@dataclass(frozen=True)
class Reader:
    """One way in.

    Attributes:
        build: write valid files into an empty folder.
        read: the folder with one of its files damaged; yields nothing, or raises one of ``errors``.
        errors: what may be raised.
        writes: whether reading changes the folder (where it is kept, or repaired).
        inputs: how many ``pytest -m fuzz`` tries.
    """

    build: Callable[[Path], object]
    read: Callable[[Path], object]
    errors: tuple[type[Exception], ...] = OURS
    writes: bool = False
    inputs: int = 150


def _npz(folder: Path) -> None:
    np.savez(folder / "x.npz", a=np.arange(12.0).reshape(3, 4), b=np.array("text"), c=np.array([1, 2]))
    np.savez_compressed(folder / "y.npz", a=np.zeros((30, 3), np.float32))


def _objects(folder: Path) -> None:
    np.save(folder / "x.npy", np.array({"a": [np.arange(3), "text", 1.5], "b": {"c": np.float32(2)}}, object))


def _pickled(folder: Path) -> None:
    frames = [{"a": np.arange(6.0).reshape(2, 3), "b": np.float32(1), "c": ("x", None, True, 2**40, b"y")}] * 3
    for protocol in (0, 2, 4, 5):
        (folder / f"{protocol}.pkl").write_bytes(pickle.dumps(frames, protocol=protocol))


def _safetensors(folder: Path) -> None:
    save_file({"a": torch.ones(3, 4), "b": torch.zeros(2, dtype=torch.int64)}, folder / "x.safetensors", {"f": "pt"})


def _checkpoint(folder: Path) -> None:
    content = {"state_dict": {"a": torch.ones(3, 4), "b": torch.zeros(2).half()}, "step": 3, "meta": {"x": [1, "y"]}}
    torch.save(content, folder / "x.pth")
    torch.save(content, folder / "y.pth", _use_new_zipfile_serialization=False)


def _hdf5(folder: Path) -> None:
    with h5py.File(folder / "x.h5", "w") as stored:
        stored["a"] = np.arange(12.0).reshape(3, 4)
        stored.create_dataset("b", data=np.arange(1000), chunks=(100,), compression="gzip")


def _prior(folder: Path) -> None:
    network = ScoreNetwork(hidden=32)
    save_prior(folder / "x.safetensors", network, {"step": 3})
    save_prior(folder / "y.pth", network, {"step": 3})


def _initialiser(folder: Path) -> None:
    save_initialiser(folder / "x.safetensors", InitialNetwork(hidden=32, blocks=1), {"step": 3})


def _average(folder: Path) -> None:
    average(sorted(folder.glob("*.safetensors")), folder / "mean.safetensors")


def _templates(folder: Path) -> None:
    poses = people(4).astype(np.float32)
    poses -= poses[:, :1]
    np.savez(folder / "x.npz", poses_1=poses[:1], poses_3=poses[:3], bone_lengths_m=np.full(16, 0.3))


def _poses(folder: Path) -> None:
    walked = walk(30)
    poses = expected(walked).astype(np.float32)
    np.savez(
        folder / "x.npz",
        poses=poses,
        clip_index=np.repeat([0, 1], 15),
        clip_name=np.array(["a", "b"]),
        start=np.array([0, 15]),
        length=np.array([15, 15]),
        fps=np.array(30.0),
    )


def _mocap(folder: Path) -> None:
    (folder / "in").mkdir()
    _poses(folder / "in")


def _prepared(folder: Path) -> None:
    prepare([folder / "in"], folder / "out" / "o.npz", None, PrepareSettings(), QuietReporter())


def _recordings(folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "out").mkdir()
    (folder / "in/a.bvh").write_text(write_bvh(walk(12), names("mixamo"), per_metre=100))
    _poses(folder / "in")


def _bvh(folder: Path) -> None:
    (folder / "x.bvh").write_text(write_bvh(walk(5), names("mixamo"), per_metre=100))


def _map(folder: Path) -> None:
    for path in sorted((ROOT / "lifting/training/mocap/skeletons").glob("*.toml"))[:3]:
        (folder / path.name).write_bytes(path.read_bytes())


def _reference(folder: Path) -> None:
    arrays = {
        "frames": np.arange(4), "x3d": people(4), "reproj": np.ones((4, 17)), "K": np.tile(CAMERA.K, (2, 1, 1)),
        "D": np.zeros((2, 5)), "R": np.tile(np.eye(3), (2, 1, 1)), "T": np.ones((2, 3)),
    }  # fmt: skip
    np.savez(folder / "reference.npz", **arrays)
    for number in range(2):
        (folder / f"cam{number}.mp4").touch()


def _clip(folder: Path) -> None:
    write_video(folder / "video.mp4", range(0, 800, 40))
    times = np.arange(0, 0.2, 0.05)
    names = [f"{body}_{side}" for body in ("femur", "tibia", "talus") for side in "rl"]
    motions = {name: people(len(times))[:, : len(names)] for name in ("mocap", "other")}
    np.savez(folder / "truth.npz", joints=np.array(names), **motions, **{f"{name}_time": times for name in motions})


def _cameras(folder: Path) -> None:
    values = {
        "K": [[900, 0, 320], [0, 905, 240], [0, 0, 1]],
        "distortion": [0.1, -0.02, 0, 0],
        "image_size": [640, 480],
    }
    (folder / "a.json").write_text(json.dumps(values))
    (folder / "b.json").write_text('{"fx": 500.5, "fy": 501, "cx": 320, "cy": 240}')
    (folder / "c.toml").write_text("fx = 500.5\nfy = 501\nimage_size = [1280, 960]\ndistortion = [0.1, 0.2, 0, 0, 0]\n")


def _camera_paths(folder: Path) -> None:
    (folder / "poses.txt").write_text("# t x y z qx qy qz qw\n0.0 1 2 3 0 0 0 1\n0.04 1 2 3.5 0 0.6 0 0.8\n")
    (folder / "images.txt").write_text("1 1 0 0 0 0 0 0 1 a_1.png\n10 20 -1\n2 0.6 0 0.8 0 0.1 0 0 1 a_2.png\n\n")


def _keypoints(folder: Path) -> None:
    write_coco(folder / "coco.json")
    write_coco(folder / "alphapose.json", alphapose=True)
    write_mmpose(folder / "mmpose.json")
    write_mmpose(folder / "demo.json", demo=True)
    write_own(folder / "own.people.json")


def _settings(folder: Path) -> None:
    (folder / "a.toml").write_text(
        'preset = "fast"\nsteps = 20\nfov = 60.5\nsmooth = 0.2\nmax_people = 3\nseed = 7\nstart = 1\nend = 2.5\n'
        "gif_width = 300\nperson = [1, 2]\n"
    )
    (folder / "b.toml").write_bytes((ROOT / "configs/wild.toml").read_bytes())


def _training(kind: str) -> Callable[[Path], None]:
    source = ROOT / "configs" / f"train_{kind}.toml"
    return lambda folder: (folder / "x.toml").write_bytes(source.read_bytes()) and None


def _report(folder: Path) -> None:
    metrics = {
        "mpjpe_mm": {"value": 50.5, "low": 49, "high": 51},
        "bone_spread_mm": 3.0,
        "pa_mpjpe_mm": {"value": None},
    }
    record = {"protocol": {"name": "3dpw", "stride": 1}, "per_group": [{"choice": "single", "metrics": metrics}]}
    (folder / "r.json").write_text(json.dumps(record))


def _result(folder: Path) -> None:
    save(folder / "r.npz", Result((track(1, 3, 6, slice(2, 4)), track(2, 0, 3)), CAMERA, metadata()))


def _again(folder: Path) -> None:
    json.dumps(load_result(folder / "r.npz").record(), allow_nan=False)


def _told(folder: Path) -> None:
    result = load_result(folder / "r.npz")
    json.dumps(report_of(result).record(), allow_nan=False)
    with TemporaryDirectory() as other:
        for ending in (".csv", ".angles.csv", ".mot", ".trc", ".c3d", ".nc", ".people.json"):
            save(Path(other) / f"a{ending}", result)


class _Everybody:
    """A detector that takes no time."""

    name, layout, chosen = "everybody", COCO_17.name, ""

    def detect(self, image: Any, previous: Any = (), frame_index: int = 0) -> list[Person2D]:
        box = np.array([0, 0, 9, 9], np.float32)
        return [Person2D(np.full((17, 2), frame_index, np.float32), np.ones(17, np.float32), self.layout, box, 0.5, 1)]

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}


def _detected(folder: Path, background: bool = False) -> None:
    work = Workspace(folder / "o.work", {"input": "x"})
    span: dict[str, Any] = {"start_s": None, "end_s": None, "on_progress": lambda done: None}
    with patch.object(detection, "CHUNK", 2):
        detect_people(_film_beside(), _Everybody(), work, background=background, **span)
    found = list(stored_people(work))
    # Whatever was kept: all frames are there, each once, with what a detector may say.
    assert [frame.frame_index for frame in found] == list(range(6))
    assert work.is_complete("people") and work.frames("people") == 6
    if background:
        assert np.isfinite(stored_background(work).xy_px).all()


@cache
def _film_beside() -> Path:
    """A film outside of the folder that is damaged; it goes with the process."""
    folder = mkdtemp(prefix="zedo-fuzz-")
    atexit.register(rmtree, folder)
    return write_video(Path(folder) / "film.avi", range(0, 240, 40), codec="mpeg4")


class _Lifted:
    """A method that takes no time."""

    count = 2

    def lift(self, which: int, rays: Any, confidence: Any) -> Any:
        return rays * (3 + which)

    def cost(self, joints_m: Any, rays: Any, confidence: Any) -> Any:
        return joints_m[:, 0, 2]

    def describe(self) -> dict[str, Any]:
        return {"preset": "none"}


@cache
def _measured() -> Measured:
    writer, distance_m, scale = WRITERS["3dpw"]
    with TemporaryDirectory() as folder:
        writer(Path(folder), people(4, distance_m, scale))
        return load_dataset("3dpw", Path(folder), stride=1)


def _lifted(folder: Path) -> None:
    method: Any = _Lifted()
    subject = Subject(method, method, H36M_17.joints, 3, method.describe(), {})
    work = Workspace(folder / "r.json.work", {"poses": "x"})
    keep_sound_blocks(_measured(), subject, work)
    for block in lifted_blocks(_measured(), subject, work, QuietReporter()):
        assert np.isfinite(block.predicted).all() and block.predicted.shape[2:] == (17, 3)


def _training_state(folder: Path) -> None:
    state = RunState.of(ScoreNetwork(hidden=32), _PACING, torch.device("cpu"))
    if (folder / "checkpoint.pt").exists():
        try:
            state.restore(folder / "checkpoint.pt", _PACING)
        except RuntimeError as error:  # of another network
            raise InputError(" ".join(str(error).split())) from error
    for parameter in state.network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    state.optimiser.step()
    state.step = min(state.step + 1, _PACING.steps)
    if not (folder / "checkpoint.pt").exists():
        state.save(folder / "checkpoint.pt", _PACING, {"data": {"name": "a.npz", "sha256": "x"}})


def _log(folder: Path) -> None:
    (folder / "log.csv").write_text("step,train,standing,lying\n5,nan,0.2,0.4\n10,0.31,0.1,0.3\n15,0.3,0.1,0.2\n")


def _logged(folder: Path) -> None:
    _best(folder / "log.csv")
    _forget_after(folder / "log.csv", 10)


def _predictions(folder: Path) -> None:
    np.savez(folder / "p.npz", joints_m=np.tile(_measured().poses.truth_m, (2, 1, 1, 1)))


_REQUESTS = {
    "look": b"GET /frame?after=-1 HTTP/1.1\r\nHost: localhost:8000\r\nSec-Fetch-Site: same-origin\r\n\r\n",
    "press": b"POST /key?k=m HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Zedo: 1\r\nContent-Length: 2\r\n\r\nab",
    "several": b"GET /status HTTP/1.1\r\nHost: [::1]:80\r\nAccept: */*\r\n\r\n" * 3,
    "strange": b"POST /key?k=q HTTP/1.1\r\nHost: 127.0.0.1\r\nSec-Fetch-Site: cross-site\r\n\r\n",
}


def _requests(folder: Path) -> None:
    for name, request in _REQUESTS.items():
        (folder / name).write_bytes(request)


@cache
def _server() -> tuple[PageServer, list[str]]:
    feed, keys = Feed(), []
    feed.put(Picture(0, np.zeros((8, 8, 3), np.uint8), 0.0, 0.0, 0.0))
    server = PageServer("127.0.0.1", 0, feed, lambda: {"fps": 1.0}, keys.append)
    server.start()
    return server, keys


def _asked(folder: Path) -> None:
    """Every request gets an answer, or the connection is closed; the next one is answered; nothing is complained of."""
    server, keys = _server()
    complaints = StringIO()
    refused = ""
    with redirect_stderr(complaints):
        for path in sorted(folder.iterdir()):
            answer = _exchange(server.port, path.read_bytes())
            if not answer.startswith(b"HTTP/1.1 2") and path.name != "strange":
                refused = repr(answer[:40])
        assert _exchange(server.port, b"GET /status HTTP/1.0\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    assert not complaints.getvalue(), complaints.getvalue()
    # What is refused presses nothing.
    assert "q" not in keys or (folder / "strange").read_bytes() != _REQUESTS["strange"], keys
    keys.clear()
    if refused:
        raise InputError(refused)


def _exchange(port: int, sent: bytes) -> bytes:
    answer = b""
    # It may be closed with bytes unread, which resets it; it may not be kept open.
    with socket.create_connection(("127.0.0.1", port), timeout=SERVER_S) as connection, suppress(ConnectionError):
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(1 << 16):
            answer += part
    return answer


def _dataset(name: str) -> Reader:
    writer, distance_m, scale = WRITERS[name]
    kinds: tuple[Any, ...] = ("gt", "detected") if name == "h36m" else ("gt",)

    def read(folder: Path) -> None:
        for kind in kinds:
            load_dataset(name, folder, keypoints=kind, stride=1)

    return Reader(lambda folder: writer(folder, people(4, distance_m, scale)), read, inputs=200)


def _film(extension: str, codec: str, pix_fmt: str = "yuv420p") -> Reader:
    def build(folder: Path) -> None:
        write_video(folder / f"x.{extension}", range(0, 240, 40), codec=codec, pix_fmt=pix_fmt, tags={"title": "a day"})

    return Reader(build, lambda folder: _watched(folder / f"x.{extension}"), inputs=250)


def _flv(folder: Path) -> None:
    with av.open(str(folder / "x.flv"), "w") as container:
        stream = container.add_stream("flv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(6):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(40 * number))))
        container.mux(stream.encode())


def _watched(path: Path) -> None:
    """As a run does: what is said beside it is one printable line, too."""
    told: list[str] = []
    try:
        probe(path)
        for frame in read_frames(path, on_warning=told.append):
            assert frame.image.ndim == 3 and np.isfinite(frame.time_s)
    finally:
        assert all(text.isprintable() for text in told), told


def _webp(folder: Path) -> None:
    images = [Image.fromarray(picture(40 * number)) for number in range(4)]
    images[0].save(folder / "x.webp", save_all=True, append_images=images[1:], duration=40)


def _tiles(folder: Path) -> None:
    write_grid(folder / "x.heic", picture(99, (128, 64)), thumbnail=True, turn=1)


def _avif(folder: Path) -> None:
    Image.fromarray(picture(99)).save(folder / "x.avif", exif=Image.Exif())
    frames = [Image.fromarray(picture(40 * number)) for number in range(4)]
    frames[0].save(folder / "y.avif", save_all=True, append_images=frames[1:], duration=40)
    write_grid(folder / "z.avif", picture(99, (128, 64)))


def _pictures(folder: Path) -> None:
    image = Image.fromarray(picture(99))
    for extension in ("png", "bmp", "webp", "tiff", "gif"):
        stream = io.BytesIO()
        image.save(stream, extension)
        (folder / f"x.{extension}").write_bytes(stream.getvalue())
    (folder / "x.jpg").write_bytes(jpeg(6))


def _numbered(folder: Path) -> None:
    for number in range(4):
        Image.fromarray(picture(60 * number)).save(folder / f"f{number}.{'jpg' if number % 2 else 'png'}")


def _seen(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        exif_orientation(path)
        exif_focal_35mm(path.read_bytes()[30:300])
    failures = []
    for path in sorted(folder.iterdir()):
        try:
            _watched(path)
        except OURS as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _each(load: Callable[[Path], object]) -> Callable[[Path], None]:
    """Read every file of a folder, also behind one that cannot be."""

    def read(folder: Path) -> None:
        refused: Exception | None = None
        for path in sorted(folder.iterdir()):
            try:
                load(path)
            except (*OURS, ModelError) as error:
                refused = error
        if refused is not None:
            raise refused

    return read


def _text_of(folder: Path, load: Callable[[str], object]) -> None:
    for path in sorted(folder.iterdir()):
        load(path.read_text(errors="replace"))


READERS: dict[str, Reader] = {
    "npz": Reader(_npz, _each(load_npz), inputs=400),
    "npy": Reader(_objects, _each(lambda path: load_npy(path, objects=True)), inputs=300),
    "pickle": Reader(_pickled, _each(lambda path: load_pickle(path).resolved()), inputs=500),
    "json": Reader(_report, _each(load_json), inputs=200),
    "toml": Reader(_settings, _each(load_toml), inputs=200),
    "safetensors": Reader(_safetensors, _each(load_safetensors), inputs=300),
    "checkpoint": Reader(_checkpoint, _each(load_checkpoint), inputs=200),
    "weights of MMPose": Reader(_checkpoint, _each(read_weights), (*OURS, ModelError)),
    "hdf5": Reader(_hdf5, _each(lambda path: load_hdf5(path, ["a", "b"])), inputs=200),
    "prior": Reader(_prior, _each(load_prior)),
    "initialiser": Reader(_initialiser, _each(load_initialiser)),
    "mean of networks": Reader(_initialiser, _average, writes=True, inputs=50),
    "templates": Reader(_templates, _each(load_templates)),
    "poses": Reader(_poses, _each(load_motion)),
    "test sequences": Reader(_poses, _each(load_mocap)),
    "recordings, BVH": Reader(_bvh, lambda folder: _text_of(folder, parse_bvh), (*OURS, ValueError), inputs=200),
    "skeletons": Reader(_map, lambda folder: _text_of(folder, lambda text: parse_map(text, "x")), (*OURS, ValueError)),
    "prepare": Reader(_recordings, _prepared, writes=True, inputs=100),
    "reference of several views": Reader(_reference, load_reference),
    "clips with the true motion": Reader(_clip, load_clips),
    "cameras": Reader(_cameras, _each(lambda path: load_camera(path, (640, 480))), inputs=300),
    "camera paths": Reader(_camera_paths, _each(lambda path: load_camera_path(path, np.arange(2))), inputs=300),
    "keypoints": Reader(_keypoints, _each(read_keypoints), inputs=400),
    "keypoints of OpenPose": Reader(write_openpose, read_keypoints, inputs=200),
    "settings": Reader(_settings, _each(lambda path: load_settings(path, {})), inputs=200),
    "training of a prior": Reader(_training("prior"), _each(lambda path: read_train_settings(path, {}))),
    "training of an initialiser": Reader(
        _training("initialiser"), _each(lambda path: read_initialiser_settings(path, {}))
    ),
    "reports": Reader(_report, _each(lambda path: figure_table("", stored_rows(path)))),
    "results": Reader(_result, _again, inputs=300),
    "results in tables": Reader(_result, _told, inputs=300),
    "predictions": Reader(_predictions, lambda folder: load_predictions(folder / "p.npz", _measured())),
    "work store": Reader(_detected, _detected, writes=True, inputs=250),
    "work store with background": Reader(*[partial(_detected, background=True)] * 2, writes=True, inputs=250),
    "work store of evaluate": Reader(_lifted, _lifted, writes=True, inputs=250),
    "training that goes on": Reader(_training_state, _training_state),
    "log of a training": Reader(_log, _logged, writes=True, inputs=100),
    "server": Reader(_requests, _asked, inputs=500),
    **{f"data set {name}": _dataset(name) for name in WRITERS},
    "data set mini-rgbd, packed": Reader(
        lambda folder: write_mini_rgbd_packed(folder, people(4, 0.9, 0.35)),
        lambda folder: load_dataset("mini-rgbd", folder, stride=1),
    ),
    "mp4": _film("mp4", "libx264"),
    "mov": _film("mov", "mjpeg", "yuvj420p"),
    "mkv": _film("mkv", "libx264"),
    "avi": _film("avi", "mpeg4"),
    "webm": _film("webm", "libvpx-vp9"),
    "gif": _film("gif", "gif", "rgb8"),
    "flv": Reader(_flv, lambda folder: _watched(folder / "x.flv"), inputs=250),
    "animated webp": Reader(_webp, lambda folder: _watched(folder / "x.webp"), inputs=250),
    **({"avif": Reader(_avif, _seen)} if features.check("avif") else {}),
    "tiles": Reader(_tiles, lambda folder: _watched(folder / "x.heic"), inputs=250),
    "pictures": Reader(_pictures, _seen, inputs=250),
    "pictures as a film": Reader(_numbered, _watched),
}
