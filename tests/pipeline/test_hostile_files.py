"""Files that promise more than they hold, given to what reads them: one sentence, and the other files go on."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import save_file

from assets.untrusted import UntrustedFileError
from lifting.initial.network import InitialNetwork
from lifting.initial.weights import load_initialiser
from lifting.training.mocap.bvh import parse_bvh
from pipeline.errors import InputError
from pipeline.evaluate.tables import figure_table, stored_rows
from pipeline.media.decode import probe
from pipeline.progress import QuietReporter
from pipeline.settings import load_settings
from pipeline.stages.camera import load_camera
from pipeline.train.data import frame_rate
from pipeline.train.pose_files import PrepareSettings
from pipeline.train.prepare import prepare
from pipeline.train.settings import read_train_settings
from tests.pipeline.train.walking import expected, walk

JOINT = "{ OFFSET 0 0 0 CHANNELS 3 Xrotation Yrotation Zrotation"


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (lambda path: load_camera(path, (640, 480)), "c.json"),
        (lambda path: load_camera(path, (640, 480)), "c.toml"),
        (lambda path: load_settings(path, {}), "s.toml"),
        (lambda path: read_train_settings(path, {}), "t.toml"),
        (stored_rows, "r.json"),
    ],
)
@pytest.mark.parametrize("text", ["[" * 100_000, "a = " + "[" * 100_000, '{"fx": 1e999}', "fx = inf", "\ud800"])
def test_texts(tmp_path: Path, read: Callable[[Path], Any], name: str, text: str) -> None:
    (tmp_path / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError, match=rf"{name} is (not valid|no text in UTF-8)"):
        read(tmp_path / name)


def test_cameras_of_other_editors(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_bytes(b'\xef\xbb\xbf{"fx": 500}')
    assert load_camera(tmp_path / "c.json", (640, 480)).K[0, 0] == 500
    for number in ("1e-300", "1e18", "9" * 400):
        (tmp_path / "c.json").write_text(f'{{"fx": {number}}}')
        with pytest.raises(InputError, match=r"c\.json"):
            load_camera(tmp_path / "c.json", (640, 480))


def test_a_figure_that_could_not_be_measured_is_left_empty(tmp_path: Path) -> None:
    metrics: dict[str, Any] = {"mpjpe_mm": {"value": None, "low": None, "high": None}, "bone_spread_mm": 3.0}
    record = {"protocol": {"name": "3dpw"}, "per_group": [{"choice": "single", "metrics": metrics}]}
    (tmp_path / "r.json").write_text(json.dumps(record))
    assert "3.0" in figure_table("", stored_rows(tmp_path / "r.json"))
    for name, wrong in [
        *(("bone_spread_mm", wrong) for wrong in ("text", {"low": 1}, [1])),
        *(("pa_mpjpe_mm", wrong) for wrong in ({"value": 1.0}, {"value": 1.0, "low": None, "high": 2})),
    ]:
        metrics[name] = wrong
        (tmp_path / "r.json").write_text(json.dumps(record))
        with pytest.raises(InputError, match=r"r\.json is no report"):
            stored_rows(tmp_path / "r.json")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("HIERARCHY\n" + "\n" * 200_000, "no MOTION"),
        (
            "HIERARCHY ROOT a { OFFSET 0 0 0 } MOTION Frames: 50000000 Frame Time: 0.01\n".replace(" ", "\n", 2),
            "MOTION",
        ),
        ("HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\n}\nMOTION\nFrames: 50000000\nFrame Time: 0.01\n", "numbers per frame"),
        (
            "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nEnd Site\n{\nOFFSET 0 0 0\nEnd Site\n{\nOFFSET 0 0 0\n}\n}\n}\n"
            "MOTION\nFrames: 0\nFrame Time: 0.01\n",
            "end site with something in it",
        ),
    ],
)
def test_recordings(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_bvh(text)


def test_pose_files_that_are_left_out_do_not_sink_the_others(tmp_path: Path) -> None:
    poses = expected(walk()).astype(np.float32)
    (tmp_path / "in").mkdir()
    np.savez(tmp_path / "in/a_good.npz", poses=poses)
    for name, arrays in {
        "far": {"clip_index": np.full(len(poses), 10**12)},
        "infinite": {"start": np.array([np.inf]), "length": np.array([3.0])},
        "overlapping": {"start": np.zeros(1000, int), "length": np.full(1000, len(poses))},
        "negative": {"start": np.array([-5]), "length": np.array([3])},
        "complex": {"fps": np.array(1j)},
    }.items():
        np.savez(tmp_path / f"in/{name}.npz", poses=poses, **arrays)
    with pytest.raises(InputError, match=r"4 files or clips were left out.*o\.npz"):
        prepare([tmp_path / "in"], tmp_path / "o.npz", None, PrepareSettings(), QuietReporter())
    assert len(np.load(tmp_path / "o.npz")["poses"]) > 10
    for fps in (np.array(1j), np.array("fast"), np.ones(2)):
        with pytest.raises(InputError, match=r"fps in a\.npz must be a number"):
            frame_rate({"fps": fps}, Path("a.npz"))


def test_a_network_that_asks_for_more_than_its_file_holds(tmp_path: Path) -> None:
    weights = InitialNetwork(hidden=32, blocks=1).state_dict()
    weights["pre.weight"] = weights["pre.weight"].new_zeros(3, weights["pre.weight"].shape[1], 20_000)
    save_file(weights, tmp_path / "n.safetensors")
    with pytest.raises(UntrustedFileError, match="does not hold the weights of"):
        load_initialiser(tmp_path / "n.safetensors")


def test_pictures_that_are_too_large_to_decode(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 12_000, 12_000, 8, 0, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(bytes(12_001 * 20), 9))
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + rows + chunk(b"IEND", b""))
    with pytest.raises(InputError, match="12000 x 12000 pixels, more than 67 million"):
        probe(tmp_path / "x.png")
