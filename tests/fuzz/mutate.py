"""Damage by accident or on purpose: of the bytes of a file, or of what they mean, with sizes and checksums right."""

from __future__ import annotations

import io
import json
import pickle
import re
import struct
import zipfile
import zlib
from random import Random
from typing import Any

import h5py
import numpy as np

_NUMBERS = ("0", "-1", "1", "255", "65536", "2147483647", "-2147483648", "4294967295", "1000000000000", "9" * 400,
            "1e999", "-1e308", "1e-300", "NaN", "Infinity", "nan", "inf", "null", "true", '"x"', "\x1b[31m", "",
            "[" * 200, "{", "[]", "0x10", "1_000", "1e5")  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 10**12, 10**400, 1e300, 1e-300, float("nan"), float("inf"), "", "\x1b[31mred\nline", "x" * 5000,
    [], {}, [[]], [None], {"a": 1}, 1j, b"abc", (), np.array(1j), np.zeros((0, 3)), np.array("text"),
    np.array([{}], object), np.float16(1), np.array(np.inf), np.zeros((2, 2, 2, 2)), np.array(["2020"], "M8[D]"),
)  # fmt: skip


def mutated(data: bytes, random: Random) -> bytes:
    """The content of a file, damaged once or a few times."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        ways = [_bytes, _bytes, *(way for sign, way in _STRUCTURES if data.startswith(sign))]
        if len(data) > 8 and data[8:9] == b"{":
            ways += [_safetensors] * 2
        try:
            data.decode()
            ways += [_text, _text, _text]
        except UnicodeDecodeError:
            pass
        data = random.choice(ways)(data, random)
    return data


def _bytes(data: bytes, random: Random) -> bytes:
    """Flip, cut, insert, repeat, swap, cut off, or write a number where one may stand."""
    # Headers are at the beginning, directories at the end.
    size = len(data)
    reach = random.choice((size, size, min(size, 64), min(size, 600)))
    at = random.randrange(reach + 1)
    if random.random() < 0.2:
        at = size - at
    length = random.choice((1, 2, 4, 8, 16, 100, 1000))
    other = random.randrange(size + 1)
    way = random.randrange(9)
    if way == 0:
        return data[:at]
    if way == 1:
        return data[:at] + data[at + length :]
    if way == 2:
        return data[:at] + random.randbytes(length) + data[at:]
    if way == 3:
        return data[:at] + data[at : at + length] * random.choice((2, 3, 50)) + data[at + length :]
    if way == 4:
        first, second = sorted((at, other))
        length = min(length, second - first)
        moved = data[second : second + length] + data[first + length : second] + data[first : first + length]
        return data[:first] + moved + data[second + length :]
    if way in (5, 6):
        width, code = random.choice(((1, "B"), (2, "H"), (4, "I"), (8, "Q")))
        top = 2 ** (8 * width) - 1
        number = random.choice((0, 1, top, top // 2, top // 2 + 1, top // 256, random.randrange(top), size))
        return data[:at] + struct.pack(random.choice("<>") + code, number & top) + data[at + width :]
    damaged = bytearray(data)
    for _ in range(random.choice((1, 1, 3, 30)) if data else 0):
        damaged[random.randrange(max(1, reach))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def _text(data: bytes, random: Random) -> bytes:
    """Numbers by others; lines and words doubled, gone or in another order; brackets."""
    text = data.decode(errors="replace")
    way = random.randrange(5)
    if way <= 1:
        found = list(re.finditer(r"-?\d[\d.eE+-]*|\b\w+\b", text))
        if found:
            match = random.choice(found)
            text = text[: match.start()] + random.choice(_NUMBERS) + text[match.end() :]
    elif way == 2:
        lines = text.splitlines(keepends=True) or [""]
        at, other = random.randrange(len(lines)), random.randrange(len(lines))
        lines[at : at + 1] = random.choice(([], [lines[at]] * 50, [lines[other]], [lines[at], "\n" * 1000]))
        text = "".join(lines)
    elif way == 3:
        at = random.randrange(len(text) + 1)
        text = (
            text[:at]
            + random.choice(("[", "]", "{", "}", '"', "\x1b[2J", "\0", "\ufeff", ",", "é", "\u202e"))
            + text[at:]
        )
    else:
        words = text.split(" ")
        at, other = random.randrange(len(words)), random.randrange(len(words))
        words[at], words[other] = words[other], words[at]
        text = " ".join(words)
    return text.encode()


def _array(array: Any, random: Random) -> Any:
    """Another type, shape, or number."""
    array = np.array(array)
    way = random.randrange(7)
    if way == 0:
        kind = random.choice(("f2", "f4", "f8", "c16", "i1", "i8", "u8", "?", "S3", "U3"))
        with np.errstate(all="ignore"):
            try:
                return array.astype(kind)
            except (ValueError, TypeError):
                return np.zeros(array.shape, kind)
    if way == 1:
        return array.reshape(random.choice(((-1,), (1, *array.shape), (*array.shape, 1), array.shape[::-1])))
    if way == 2:
        return np.concatenate([array.ravel()] * 3) if array.size < 10**6 else array
    if way == 3:
        return array.ravel()[: random.choice((0, 1, 2, array.size - 1))]
    if way == 4 and array.dtype.kind in "iuf" and array.size:
        array = array.copy()
        low, high = (
            (np.iinfo(array.dtype).min, np.iinfo(array.dtype).max) if array.dtype.kind in "iu" else (np.nan, 1e38)
        )
        array.flat[random.randrange(array.size)] = random.choice(
            (low, high, 0, np.inf if array.dtype.kind == "f" else 1)
        )
        return array
    if way == 5 and array.dtype.kind in "iuf":
        with np.errstate(all="ignore"):
            return (array * np.float64(random.choice((0, -1, 1e-30, 1000, 1e30, 1e300)))).astype(array.dtype)
    value = random.choice(_VALUES)
    return np.array(value, object) if value.__class__ in (list, dict, tuple) else np.array(value)


def _value(value: Any, random: Random) -> Any:
    """A tree of values with one of them replaced, gone, doubled or renamed."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        value, name = dict(value), random.choice(list(value))
        way = random.randrange(8)
        if way == 0:
            del value[name]
        elif way == 1:
            value[random.choice(("other", "", 0, None, "\x1b[31m", "x" * 3000))] = value.pop(name)
        else:
            value[name] = _value(value[name], random)
        return value
    if isinstance(value, list) and value and random.random() < 0.9:
        value, at = list(value), random.randrange(len(value))
        value[at : at + 1] = random.choice(([], [value[at]] * 3, *[[_value(value[at], random)]] * 5))
        return value
    if isinstance(value, np.ndarray) and random.random() < 0.8:
        if value.dtype == object and value.size == 1:
            return np.array(_value(value.item(), random), object)
        return _array(value, random)
    return random.choice(_VALUES)


def _zip(data: bytes, random: Random) -> bytes:
    """An archive whose entries are damaged, under checksums that are right."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [(member.filename, archive.read(member)) for member in archive.infolist()]
    except Exception:
        return _bytes(data, random)
    if not entries:
        return data
    at = random.randrange(len(entries))
    name, content = entries[at]
    way = random.randrange(6)
    if way == 0:
        del entries[at]
    elif way == 1:
        entries[at] = (random.choice(("x.npy", "../x.npy", "\x1b[31m.npy", "/x.npy", name + ".npy")), content)
    elif way == 2:
        entries.append((name + "2.npy", content))
    else:
        entries[at] = (name, (_npy if content.startswith(b"\x93NUMPY") else _pickle_or_bytes)(content, random))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return packed.getvalue()


def _npy(data: bytes, random: Random) -> bytes:
    """Another array, or the header with another number or word."""
    if random.random() < 0.6:
        try:
            array = np.load(io.BytesIO(data), allow_pickle=True)
            out = io.BytesIO()
            np.save(out, _value(array, random), allow_pickle=True)
            return out.getvalue()
        except Exception:
            return _bytes(data, random)
    length = int.from_bytes(data[8:10], "little")
    header = _text(data[10 : 10 + length], random)
    return data[:8] + struct.pack("<H", len(header) % 65536) + header + data[10 + length :]


def _pickle_or_bytes(data: bytes, random: Random) -> bytes:
    return (_pickle if data[:1] == b"\x80" else _bytes)(data, random)


def _pickle(data: bytes, random: Random) -> bytes:
    """The objects with another among them. (The seeds, and what was made of them here, are our own.)"""
    if b"torch" in data or random.random() < 0.3:
        return _bytes(data, random)
    try:
        value = pickle.loads(data)  # noqa: S301
        return pickle.dumps(_value(value, random), protocol=random.choice((0, 1, 2, 4, 5)))
    except Exception:
        return _bytes(data, random)


def _safetensors(data: bytes, random: Random) -> bytes:
    """Another header, of the length that the file says."""
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length]
    if random.random() < 0.5:
        header = _text(header, random)
    else:
        try:
            header = json.dumps(_value(json.loads(header), random)).encode()
        except (ValueError, TypeError):
            header = _text(header, random)
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def _json(data: bytes, random: Random) -> bytes:
    try:
        return json.dumps(_value(json.loads(data), random)).encode()
    except (ValueError, TypeError):
        return _text(data, random)


def _hdf5(data: bytes, random: Random) -> bytes:
    """Other arrays, packed or not, or declared and never written."""
    try:
        with h5py.File(io.BytesIO(data)) as stored:
            arrays = {name: np.asarray(stored[name]) for name in stored}
    except Exception:
        return _bytes(data, random)
    out = io.BytesIO()
    with h5py.File(out, "w") as stored:
        changed = random.choice([*arrays, ""])
        for name, array in arrays.items():
            try:
                if name == changed and random.random() < 0.3:
                    stored.create_dataset(name, (10 ** random.randrange(9), *array.shape[1:]), "f4", chunks=True)
                elif name != changed or random.random() < 0.9:
                    stored[name] = _array(array, random) if name == changed else array
            except (TypeError, ValueError):
                stored[name] = 3.0
    return out.getvalue()


def _png(data: bytes, random: Random) -> bytes:
    """Chunks damaged, doubled, gone or in another order, under checksums that are right."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return _bytes(data, random)
    at, other = random.randrange(len(chunks)), random.randrange(len(chunks))
    kind, content = chunks[at]
    way = random.randrange(5)
    if way == 0:
        chunks[at], chunks[other] = chunks[other], chunks[at]
    elif way == 1:
        chunks[at : at + 1] = random.choice(([], [chunks[at]] * 3))
    else:
        chunks[at] = (kind, _bytes(content, random))
    parts = [struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks]
    return data[:8] + b"".join(parts)


_STRUCTURES = (
    *[(b"PK\x03\x04", _zip)] * 6, *[(b"\x93NUMPY", _npy)] * 4, *[(b"\x80", _pickle)] * 3, *[(b"\x89HDF", _hdf5)] * 3,
    *[(b"\x89PNG", _png)] * 3, *[(b"{", _json)] * 3, *[(b"[", _json)] * 3,
)  # fmt: skip
