"""Files that ask for more than they hold: each is refused in one sentence, before anything is made of it."""

from __future__ import annotations

import os
import re
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from assets.untrusted import LIMITS, UntrustedFileError
from assets.untrusted.arrays import load_npy, load_npz
from assets.untrusted.hdf5 import load_hdf5
from assets.untrusted.images import check_pixels, exif_orientation
from assets.untrusted.texts import load_json, load_toml, read_text
from assets.untrusted.weights import load_checkpoint, load_safetensors


def npy(shape: str, content: bytes = b"", descr: str = "'<f8'") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(header)) + header + content


@contextmanager
def little_memory(most_bytes: float) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most_bytes
    finally:
        tracemalloc.stop()


def refused(load: Callable[..., Any], path: Path, what: str, content: bytes | None = None) -> None:
    """One sentence that names the file, without much memory."""
    if content is not None:
        path.write_bytes(content)
    with little_memory(5e6), pytest.raises(UntrustedFileError, match=what) as caught:
        load(path)
    assert path.name in str(caught.value) and "; " in str(caught.value)


@pytest.mark.parametrize("load", [load_npz, load_npy, load_json, load_toml, read_text, load_checkpoint])
def test_what_is_no_file(tmp_path: Path, load: Callable[..., Any]) -> None:
    refused(load, tmp_path / "missing", "does not exist")
    refused(load, tmp_path, "is a folder, a pipe or a device")
    os.mkfifo(tmp_path / "pipe")
    refused(load, tmp_path / "pipe", "is a folder, a pipe or a device")
    (tmp_path / "large").write_bytes(b"x" * 100)
    refused(lambda path: load(path, replace(LIMITS, file_bytes=99, text_bytes=99)), tmp_path / "large", "more than")


def test_names_are_printed_harmlessly(tmp_path: Path) -> None:
    name = os.fsdecode(b"\x1b[31m\xff\n.npz")
    with pytest.raises(UntrustedFileError, match=r"\\x1b\[31m\\udcff\\n\.npz does not exist"):
        load_npz(tmp_path / name)


def test_arrays_are_as_numpy_reads_them(tmp_path: Path) -> None:
    arrays = {
        "f": np.arange(6.0).reshape(2, 3).T,
        "text": np.array(["a", "bc"]),
        "one": np.array(3),
        "no": np.zeros((0, 4)),
    }
    for write in (np.savez, np.savez_compressed):
        write(tmp_path / "x.npz", **arrays)
        found = load_npz(tmp_path / "x.npz")
        assert found.keys() == arrays.keys()
        for name, array in arrays.items():
            assert found[name].dtype == array.dtype and found[name].shape == array.shape
            assert np.array_equal(found[name], array) and found[name].flags.writeable


@pytest.mark.parametrize(
    "content",
    [
        npy("(1000000000000,)", b"12345678"),
        npy("(-1, -1)", b"12345678"),
        npy("(1000000000000,)", b"", "'<U0'"),
        npy("(1,)", b"12345678", "'(1000000000000,)f8'"),
        npy("(" * 5000 + ")" * 5000),
        npy("-" * 9000 + "1"),
        b"\x93NUMPY\x02\x00\xff\xff\xff\xffabc",
        b"\x93NUMPY\x09\x00\x10\x00abc",
    ],
)
def test_headers_of_numpy(tmp_path: Path, content: bytes) -> None:
    refused(load_npy, tmp_path / "x.npy", "is damaged or no numpy file", content)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.npy", content)
    refused(load_npz, tmp_path / "x.npz", r"a\.npy is damaged or no numpy file")


def test_objects_and_records_are_not_opened(tmp_path: Path) -> None:
    for array in (np.array([{}], object), np.zeros(2, [("a", "f8")])):
        np.save(tmp_path / "x.npy", array)
        refused(load_npy, tmp_path / "x.npy", "holds objects or records")


def test_archives(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    bomb = npy("(8388608,)", bytes(2**26))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bomb)
    assert path.stat().st_size < 100_000
    refused(load_npz, path, "would unpack from .* MiB to 64.0 MiB, more than")
    content = npy("(1,)", b"12345678")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", content)
        archive.writestr("b.npy", content)
        archive.writestr("read me.txt", "no array")
    sound = path.read_bytes()
    assert load_npz(path).keys() == {"a", "b"}
    refused(lambda p: load_npz(p, replace(LIMITS, members=2)), path, "3 entries, more than 2")
    refused(load_npz, path, "overlap", sound.replace(b"b.npy", b"a.npy"))
    second = sound.index(b"PK\x03\x04", 4)
    overlapping = bytearray(sound)
    place = sound.index(b"b.npy", sound.index(b"PK\x01\x02")) - 4
    assert overlapping[place : place + 4] == struct.pack("<I", second)
    overlapping[place : place + 4] = bytes(4)
    refused(load_npz, path, "overlap", bytes(overlapping))
    refused(load_npz, path, "damaged", sound.replace(b"12345678", b"12345679"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.npy", content)
    refused(load_npz, path, "make no sense")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("[" * 60 + "]" * 60, "nested too deeply"),
        ('{"a": NaN}', "NaN is no number"),
        ("[Infinity]", "Infinity is no number"),
        ("[1e999]", "too large"),
        ("[" + "9" * 400 + "]", "too large"),
        ("9" * 5000, "not valid JSON"),
        ('{"a": 1, "a": 2}', "stands in it twice"),
        ("{", "not valid JSON"),
        ("", "not valid JSON"),
    ],
)
def test_json(tmp_path: Path, text: str, what: str) -> None:
    refused(load_json, tmp_path / "x.json", what, text.encode())


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a = " + "[" * 20_000, "nested too deeply"),
        ("a = " + "[" * 60 + "]" * 60, "nested too deeply"),
        ("a = " + "{b = " * 20_000, "nested too deeply"),
        ("a" + ".a" * 20_000 + " = 1", "nested too deeply"),
        ("[" + "a." * 20_000 + "a]\n" + "b.c = 1\n" * 20_000, "nested too deeply"),
        ("a = inf", "too large or none"),
        ("a = 1e999", "too large or none"),
        ("a = " + "9" * 400, "too large or none"),
        ("a = 1\na = 2", "not valid TOML"),
        ("#" * 2**20 + "\n", "longer than"),
    ],
)
def test_toml(tmp_path: Path, text: str, what: str) -> None:
    refused(load_toml, tmp_path / "x.toml", what, text.encode())


def test_texts_with_a_byte_order_mark_and_in_other_encodings(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b'\xef\xbb\xbf{"a": [1.5, true, null, {"b": 1}]}')
    assert load_json(tmp_path / "x") == {"a": [1.5, True, None, {"b": 1}]}
    (tmp_path / "x").write_bytes(b'\xef\xbb\xbfa = [1.5, 2.5, 3.5]\nb.c = "1.2.3... 4"\n')
    assert load_toml(tmp_path / "x") == {"a": [1.5, 2.5, 3.5], "b": {"c": "1.2.3... 4"}}
    refused(read_text, tmp_path / "x", "no text in UTF-8", "[Größe]".encode("latin-1"))
    assert read_text(tmp_path / "x", errors="replace") == "[Gr\ufffd\ufffde]"
    refused(
        lambda path: load_json(path, replace(LIMITS, values=9)),
        tmp_path / "x",
        "more than 9 values",
        b"[1" + b",1" * 9 + b"]",
    )


def test_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(3, 4)}, path, metadata={"format": "pt"})
    weights, texts = load_safetensors(path)
    assert torch.equal(weights["a"], torch.ones(3, 4)) and texts == {"format": "pt"}
    sound = path.read_bytes()
    refused(load_safetensors, path, "is damaged or no safetensors file", sound[:-1])
    refused(load_safetensors, path, "is damaged or no safetensors file", sound[:5])
    refused(load_safetensors, path, "is damaged or no safetensors file", b"\xff" * 7 + b"\x00" + sound[8:])
    refused(load_safetensors, path, "is damaged or no safetensors file", sound.replace(b"[3,4]", b"[3,9]"))
    refused(lambda p: load_safetensors(p, replace(LIMITS, members=1)), path, "is damaged or no safetensors", sound)
    header = b'{"a":' + b"[" * 50_000
    refused(load_safetensors, path, "nested too deeply", struct.pack("<Q", len(header)) + header)
    for value in (float("nan"), float("inf"), -1e30):
        save_file({"a": torch.tensor([1.0, value])}, path)
        refused(load_safetensors, path, r"weights \(a\) that are not finite or beyond 1e\+06")


class Runs:
    def __reduce__(self) -> Any:
        return os.mkdir, ("made",)


def test_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.pth"
    content = {"model": {"a": torch.ones(3), "b": torch.arange(6).reshape(2, 3).T}, "step": 3}
    for new_format in (True, False):
        torch.save(content, path, _use_new_zipfile_serialization=new_format)
        found = load_checkpoint(path)
        assert found["step"] == 3 and torch.equal(found["model"]["b"], content["model"]["b"])
        refused(load_checkpoint, path, "is damaged or no checkpoint", path.read_bytes()[:-300])
        torch.save({"a": torch.ones(1).expand(1_000_000, 1000)}, path, _use_new_zipfile_serialization=new_format)
        refused(load_checkpoint, path, "is damaged or no checkpoint")
        torch.save({"a": torch.zeros(3, device="meta")}, path, _use_new_zipfile_serialization=new_format)
        refused(load_checkpoint, path, "is damaged or no checkpoint")
        torch.save({"a": Runs()}, path, _use_new_zipfile_serialization=new_format)
        refused(load_checkpoint, path, "would run code" if new_format else "is damaged or no checkpoint")
    torch.save({"a": torch.zeros(1000)}, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    refused(load_checkpoint, path, "is damaged or no checkpoint")
    assert not Path("made").exists()


def test_hdf5(tmp_path: Path) -> None:
    path, other = tmp_path / "x.h5", tmp_path / "other.h5"
    with h5py.File(other, "w") as stored:
        stored["a"] = np.ones(3)
    with h5py.File(path, "w") as stored:
        stored["a"] = np.arange(6.0).reshape(2, 3)
        stored.create_dataset("packed", data=np.arange(1000), chunks=(300,), compression="gzip")
        stored.create_dataset("none", shape=(0, 3), dtype="f4")
        stored["linked"] = h5py.ExternalLink(other.name, "a")
        stored["soft"] = h5py.SoftLink("/a")
        stored.create_group("group")
        stored["text"] = "text"
        stored.create_dataset("never", shape=(10**12,), dtype="f8")
        stored.create_dataset("hardly", shape=(10**6,), chunks=(1000,), dtype="f8")[0] = 1
        stored.create_dataset("wide", shape=(1,), maxshape=(None,), chunks=(10**8,), dtype="f8", compression="gzip")
        (tmp_path / "raw").write_bytes(bytes(80))
        stored.create_dataset("outside", shape=(10,), dtype="f8", external=[(str(tmp_path / "raw"), 0, 80)])
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource(other.name, "a", shape=(3,))
        stored.create_virtual_dataset("virtual", layout)
    found = load_hdf5(path, ("a", "packed", "none"))
    assert (
        found["a"].tolist() == [[0, 1, 2], [3, 4, 5]] and found["packed"][-1] == 999 and found["none"].shape == (0, 3)
    )
    for name, what in {
        "missing": "has no array missing; it has a, ",
        "linked": "lies elsewhere",
        "soft": "lies elsewhere",
        "group": "must be an array of numbers",
        "text": "must be an array of numbers",
        "never": "promises 7450.6 GiB that are not in the file",
        "hardly": "are not in the file",
        "wide": "are not in the file",
        "outside": "lies in other files",
        "virtual": "lies in other files",
    }.items():
        refused(lambda p, name=name: load_hdf5(p, (name,)), path, what)
    refused(lambda p: load_hdf5(p, ("a",)), path, "is damaged or no HDF5 file", path.read_bytes()[:600])


def test_pictures(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    path = tmp_path / "x.png"
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))
    assert exif_orientation(path) == 1
    refused(lambda p: check_pixels(p, 10_000, 10_000), path, "10000 x 10000 pixels, more than 67 million")
    check_pixels(path, 8192, 8192)
    path.write_text("text")
    assert exif_orientation(path) == 1


def test_nothing_else_reads_files_of_others() -> None:
    """One way: what libraries read files with is called in this package alone."""
    root = Path(__file__).parents[3]
    readers = re.compile(
        r"\b(np\.(load|loadtxt|genfromtxt|fromfile)|torch\.load|load_file|safe_open|pickle\.loads?|json\.load|"
        r"tomllib\.loads?|Image\.open|imread|h5py\.File|loadmat)\("
    )
    found = [
        str(path.relative_to(root))
        for package in ("detectors", "lifting", "visualize", "pipeline")
        for path in (root / package).rglob("*.py")
        if "make_assets" not in path.parts and readers.search(path.read_text("utf-8"))
    ]
    assert not found, "read files through assets.untrusted"
