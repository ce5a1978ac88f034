"""Pickles that are read as numpy reads them, and pickles that want to do something."""

from __future__ import annotations

import collections
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assets.untrusted import UntrustedFileError
from assets.untrusted.arrays import load_npy, load_npz
from assets.untrusted.pickles import load_pickle
from tests.assets.untrusted.test_files import little_memory

EVERYTHING: dict[str, Any] = {
    "float32": np.arange(6, dtype=np.float32).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "view": np.arange(10)[::3],
    "big endian": np.arange(3, dtype=">i2"),
    "bool": np.array([True, False]),
    "text": np.array(["one", "zwei"]),
    "none of them": np.zeros((0, 3)),
    "alone": np.array(2.5),
    "objects": np.array([1, "x", None, np.ones(2)], object),
    "scalar": np.float32(1.5),
    "whole": np.int64(-3),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_come_back_as_they_were(tmp_path: Path, protocol: int) -> None:
    plain = {"list": [1, (2.5, "text")], "set": {1, 2}, "bytes": b"\x00\xff", "empty": b"", "none": None}
    ordered = collections.OrderedDict(a=1)
    stored = {**EVERYTHING, **plain, "ordered": ordered, "default": collections.defaultdict(list, {"a": [1]})}
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(stored, protocol=protocol))
    found = load_pickle(tmp_path / "x.pkl").resolved()
    for name, expected in EVERYTHING.items():
        array = found[name]
        assert array.dtype == np.asarray(expected).dtype and array.shape == np.shape(expected)
        for one, other in zip(np.ravel(array), np.ravel(expected), strict=True):
            assert np.array_equal(one, other)
    assert {name: found[name] for name in plain} == plain
    assert found["ordered"] == {"a": 1} and found["default"] == {"a": [1]}


def test_names_of_old_and_new_numpy(tmp_path: Path) -> None:
    written = pickle.dumps(np.arange(3.0), protocol=2)
    for old, new in ((b"numpy._core", b"numpy.core"), (b"numpy.core", b"numpy._core")):
        (tmp_path / "x.pkl").write_bytes(written.replace(old, new))
        assert load_pickle(tmp_path / "x.pkl").resolved().tolist() == [0, 1, 2]


def test_a_pickle_of_python_2(tmp_path: Path) -> None:
    # protocol 0, texts are bytes: what Python 2 writes for {'a': numpy.array([1.5])}
    text = (
        b"(dp0\nS'a'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\nS'b'\np5\ntp6\nRp7\n"
        b"(I1\n(I1\ntp8\ncnumpy\ndtype\np9\n(S'f8'\np10\nI0\nI1\ntp11\nRp12\n(I3\nS'<'\np13\nNNNI-1\nI-1\nI0\ntp14\nbI00\n"
        b"S'\\x00\\x00\\x00\\x00\\x00\\x00\\xf8?'\np15\ntp16\nbs."
    )
    (tmp_path / "x.pkl").write_bytes(text)
    assert load_pickle(tmp_path / "x.pkl").resolved()["a"].tolist() == [1.5]


def test_npy_and_npz_of_any_kind(tmp_path: Path) -> None:
    inner = {"f": np.ones((3, 2)), "names": ["a"]}
    np.savez_compressed(tmp_path / "x.npz", **EVERYTHING, cam_param=np.array(inner, object))
    found = load_npz(tmp_path / "x.npz", objects=True)
    assert found["cam_param"].shape == () and found["cam_param"].item()["f"].tolist() == inner["f"].tolist()
    for name in ("float32", "fortran", "big endian", "text", "none of them", "alone"):
        assert found[name].dtype == EVERYTHING[name].dtype and np.array_equal(found[name], EVERYTHING[name])
    np.save(tmp_path / "x.npy", np.array(inner, object))
    assert load_npy(tmp_path / "x.npy", objects=True).item()["names"] == ["a"]


class Caller:
    """A pickle of it calls something when it is loaded."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    "bait",
    [
        Caller(os.mkdir, "made"),
        Caller(eval, "__import__('os').mkdir('made')"),
        Caller(getattr, "text", "join"),
        Caller(bytearray, 10**15),
        Caller(np.load, "made", None, True),
    ],
    ids=["os", "eval", "getattr", "bytearray", "numpy"],
)
def test_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bait: Any) -> None:
    monkeypatch.chdir(tmp_path)
    payload = pickle.dumps({"a": [bait]})
    Path("x.pkl").write_bytes(payload)
    with pytest.raises(UntrustedFileError, match=r"x\.pkl wants to run .*, so it was not opened"):
        load_pickle(Path("x.pkl"))
    holder = io.BytesIO()
    np.lib.format.write_array_header_1_0(holder, {"descr": "|O", "fortran_order": False, "shape": ()})
    Path("x.npy").write_bytes(holder.getvalue() + payload)
    with pytest.raises(UntrustedFileError, match=r"x\.npy wants to run"):
        load_npy(Path("x.npy"), objects=True)
    with zipfile.ZipFile("x.npz", "w") as archive:
        archive.write("x.npy", "cam_param.npy")
    with pytest.raises(UntrustedFileError, match=r"x\.npz, cam_param\.npy wants to run"):
        load_npz(Path("x.npz"), objects=True)
    assert not Path("made").exists()


class Shared:
    """An array of objects whose list other arrays hold, too."""

    def __init__(self, objects: list[Any]) -> None:
        self.objects = objects

    def __reduce__(self) -> Any:
        constructor, arguments, _ = np.zeros(1).__reduce__()
        return constructor, arguments, (1, (len(self.objects),), np.dtype("O"), False, self.objects)


def state_of_array(shape: Any, code: str, data: Any) -> bytes:
    """A pickle of an array whose state is what is said, true or not."""

    class Forged:
        def __reduce__(self) -> Any:
            constructor, arguments, _ = np.zeros(1).__reduce__()
            return constructor, arguments, (1, shape, np.dtype(code), False, data)

    return pickle.dumps(Forged())


@pytest.mark.parametrize(
    "payload",
    [
        state_of_array((1000,), "f8", b"12345678"),  # numpy itself refuses this
        state_of_array((1000,), "O", [1]),  # numpy would read behind the end of the list
        state_of_array((2**62, 4), "f8", b""),
        state_of_array((-1,), "f8", b""),
        state_of_array((1,), "O", b"12345678"),  # bytes that would become an address
        state_of_array((1,), "f8", 3),
        state_of_array(5, "f8", b"12345678"),
    ],
)
def test_forged_sizes(tmp_path: Path, payload: bytes) -> None:
    (tmp_path / "x.pkl").write_bytes(payload)
    with pytest.raises(UntrustedFileError, match="forged"):
        load_pickle(tmp_path / "x.pkl").resolved()


def test_records_and_dates_are_refused(tmp_path: Path) -> None:
    for array in (np.zeros(2, [("a", "f8"), ("b", "O")]), np.zeros(2, "datetime64[s]")):
        (tmp_path / "x.pkl").write_bytes(pickle.dumps(array))
        with pytest.raises(UntrustedFileError, match="plain numbers"):
            load_pickle(tmp_path / "x.pkl").resolved()


def test_lists_that_hold_themselves_and_lists_of_lists_without_end(tmp_path: Path) -> None:
    loop: list[Any] = []
    loop.append(loop)
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(loop))
    with pytest.raises(UntrustedFileError, match="nested too deeply"):
        load_pickle(tmp_path / "x.pkl").resolved()
    lists: Any = np.zeros(3)
    for _ in range(3):
        lists = [lists, lists]
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(lists))
    found = load_pickle(tmp_path / "x.pkl").resolved()
    assert found[0] is found[1]
    for _ in range(42):
        lists = [lists, lists]  # 2 ** 45 arrays for whoever walks through them
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(lists))
    with pytest.raises(UntrustedFileError, match="too large"):
        load_pickle(tmp_path / "x.pkl").resolved()


def doubled(kind: str, depth: int) -> bytes:
    """A tuple of a tuple twice, ``depth`` times, as the first key or item of a dict or set: 2 ** depth to hash."""
    tuples = b"K\x01\x85" + b"q\x00h\x00\x86" * depth
    return {
        "dict": b"}" + tuples + b"K\x01s.",
        "set": b"\x8f(" + tuples + b"\x90.",
        "frozen": b"(" + tuples + b"\x91.",
    }[kind]


@pytest.mark.parametrize(
    "payload",
    [
        doubled("dict", 60),
        doubled("set", 60),
        doubled("frozen", 60),
        b"r\xff\xff\xff\x7f",  # a memo of 2 ** 31 entries
        b"Nr\xff\xff\xff\x7f",
        b"\x8e" + b"\xff" * 7 + b"\x00ab.",  # bytes of which hardly any follow
        b"\x96" + b"\xff" * 7 + b"\x00ab.",
        b"\x95" + b"\xff" * 8 + b"N.",  # a frame, likewise
        # One text of 1,000 letters made into bytes and one list of 1,000 made into a set, each a thousand times.
        b"c_codecs\nencode\nq\x00(V" + b"a" * 1000 + b"\nVlatin1\ntq\x01]q\x02(" + b"h\x00h\x01R" * 1000 + b"e.",
        b"cbuiltins\nset\nq\x00(](" + b"K\x01" * 1000 + b"etq\x01]q\x02(" + b"h\x00h\x01R" * 1000 + b"e.",
    ],
)
def test_small_files_that_would_make_much(tmp_path: Path, payload: bytes) -> None:
    (tmp_path / "x.pkl").write_bytes(b"\x80\x04" + payload)
    with little_memory(2e6), pytest.raises(UntrustedFileError, match="is damaged or no pickle"):
        load_pickle(tmp_path / "x.pkl")


def test_arrays_cannot_share_one_list(tmp_path: Path) -> None:
    shared = [1.5] * 1000
    many = pickle.dumps([Shared(shared) for _ in range(100)])
    (tmp_path / "x.pkl").write_bytes(many)
    with pytest.raises(UntrustedFileError, match="larger than the file"):
        load_pickle(tmp_path / "x.pkl").resolved()


@pytest.mark.parametrize("damage", [b"", b"text", b"\x80\x04", pickle.dumps(np.zeros(50))[:200]])
def test_damaged_files(tmp_path: Path, damage: bytes) -> None:
    for name, load in (("x.pkl", load_pickle), ("x.npy", load_npy), ("x.npz", load_npz)):
        (tmp_path / name).write_bytes(damage)
        with pytest.raises(UntrustedFileError, match=rf"{name}.* is damaged or no"):
            load(tmp_path / name)
        with pytest.raises(UntrustedFileError, match="does not exist"):
            load(tmp_path / f"missing {name}")
