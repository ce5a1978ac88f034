"""Pickles and numpy files of others, read without running anything that they contain.

A pickle is a program: unpickling calls whatever it names. Here it may name numpy's arrays, scalars and dtypes and the
plain containers, and even those are not called: stand-ins of our own take their arguments, check them and build the
array afterwards, because numpy's own ``__setstate__`` trusts sizes that a forged file can choose.
"""

from __future__ import annotations

import collections
import math
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DataError", "load_npy", "load_npz", "load_pickle", "resolved"]

_DEEPEST = 50


class DataError(ValueError):
    """A file cannot be used: damaged, hostile or of another form; one sentence that names it and the field."""


def load_pickle(path: Path) -> Any:
    """What a pickle holds; arrays in it are not built yet, see ``resolved``.

    Raises:
        FileNotFoundError: there is no such file.
        DataError: see there.
    """
    with path.open("rb") as stream:
        return _unpickled(stream, path.name)


def load_npy(path: Path) -> Any:
    """The array of an ``.npy`` file, of any dtype; objects in it are read like pickles and resolved.

    Raises:
        FileNotFoundError: there is no such file.
        DataError: see there.
    """
    with path.open("rb") as stream:
        return _array(stream, path.name)


def load_npz(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an ``.npz`` file by name, of any dtype; objects in them are read like pickles and resolved.

    Raises:
        FileNotFoundError: there is no such file.
        DataError: see there.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {}
            for member in archive.namelist():
                with archive.open(member) as stream:
                    arrays[member.removesuffix(".npy")] = _array(stream, f"{path.name}, {member}")
            return arrays
    except (FileNotFoundError, DataError):
        raise
    # zipfile and zlib have a dozen kinds of exceptions for bytes that make no sense to them.
    except Exception as error:
        raise DataError(f"{path.name} is damaged or no .npz file; copy it again") from error


def resolved(value: Any) -> Any:
    """Containers as they are, with numpy arrays in place of what ``load_pickle`` has read.

    Raises:
        DataError: an array is not what its shape and type promise, or containers hold themselves.
    """
    return _Resolver()(value, 0)


class _Resolver:
    """One walk over a tree; what stands in it twice is built once, or a small file could hold endless lists."""

    def __init__(self) -> None:
        self._done: dict[int, Any] = {}

    def __call__(self, value: Any, depth: int) -> Any:
        if depth > _DEEPEST:
            raise DataError("the containers in the file are nested too deeply; it is damaged or forged")
        if not isinstance(value, _PickledArray | dict | list | tuple | set | frozenset):
            return value
        if id(value) not in self._done:
            self._done[id(value)] = self._built(value, depth)
        return self._done[id(value)]

    def _built(self, value: Any, depth: int) -> Any:
        if isinstance(value, _PickledArray):
            return value.build(lambda item: self(item, depth + 1))
        if isinstance(value, dict):
            return {self._key(key, depth + 1): self(item, depth + 1) for key, item in value.items()}
        if isinstance(value, set | frozenset):
            return {self._key(item, depth + 1) for item in value}
        return type(value)([self(item, depth + 1) for item in value])

    def _key(self, value: Any, depth: int) -> Any:
        key = self(value, depth)
        if isinstance(key, np.ndarray) and not key.shape:
            return key.item()
        try:
            hash(key)
        except TypeError as error:
            raise DataError("a dict in the file has an array as a key; it is damaged or forged") from error
        return key


class _PickledType:
    """A dtype as the arguments of its constructor; the state that follows gives the byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code: Any, *_: Any) -> None:
        self.code = code if isinstance(code, str) else ""
        self.order: Any = "|"

    def __setstate__(self, state: Any) -> None:
        plain = isinstance(state, tuple) and len(state) > 4 and state[3] is None and state[4] is None
        if plain and state[1] in ("<", ">", "|", "="):
            self.order = state[1]
        else:
            self.code = ""  # a record, which is refused

    def build(self) -> np.dtype[Any]:
        code = self.code.lstrip("<>|=")
        # Plain numbers, booleans, texts and objects; no records, no dates.
        if not code or code[0] not in "biufcSUO?" or not (code[1:].isdigit() or code in ("O", "?")):
            raise DataError("an array in the file is not made of plain numbers or texts; convert it to numbers")
        if code[0] == "O":
            return np.dtype("O")
        try:
            return np.dtype(code).newbyteorder(self.order)
        except (TypeError, ValueError) as error:
            raise DataError(f"an array in the file has the unknown type {self.code!r}") from error


class _PickledArray:
    """An array as its shape, type and bytes; objects are a list."""

    __slots__ = ("data", "dtype", "fortran", "shape")

    def __init__(self, shape: Any = (), dtype: Any = None, data: Any = None, fortran: bool = False) -> None:
        self.shape, self.dtype, self.data, self.fortran = shape, dtype, data, fortran

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise pickle.UnpicklingError("no state of an array")
        self.shape, self.dtype, self.fortran, self.data = state[-4:]

    def build(self, resolve: Callable[[Any], Any]) -> NDArray[Any]:
        shape, data = self.shape, self.data
        sound = isinstance(self.dtype, _PickledType) and isinstance(shape, tuple)
        if not sound or not all(type(size) is int and 0 <= size < 2**40 for size in shape) or len(shape) > 8:
            raise DataError("an array in the file is damaged or forged")
        dtype, count = self.dtype.build(), math.prod(shape)
        order: Any = "F" if self.fortran else "C"
        if dtype.hasobject:
            if isinstance(data, list) and len(data) == count:
                array = np.empty(count, object)
                for index, item in enumerate(data):
                    array[index] = resolve(item)
                return array.reshape(shape, order=order)
        elif isinstance(data, str):  # bytes of Python 2
            data = data.encode("latin-1", errors="replace")
        plain = not dtype.hasobject and dtype.itemsize > 0
        if plain and isinstance(data, bytes | bytearray) and len(data) == count * dtype.itemsize:
            return np.frombuffer(data, dtype).reshape(shape, order=order).copy()
        raise DataError("an array in the file has another size than it promises; the file is damaged or forged")


class _Maker:
    """Something that a pickle may call. It cannot be changed by the pickle, as a function could."""

    __slots__ = ("_make",)
    _make: Callable[..., Any]

    def __init__(self, make: Callable[..., Any]) -> None:
        object.__setattr__(self, "_make", make)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("not to be changed")

    def __call__(self, *arguments: Any) -> Any:
        return self._make(*arguments)


def _encode(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError("not the way in which pickles keep bytes")
    return text.encode("latin-1")


def _scalar(dtype: Any, data: Any = b"") -> _PickledArray:
    return _PickledArray((), dtype, [data] if getattr(dtype, "code", "").startswith("O") else data)


_MULTIARRAY = {"_reconstruct": _Maker(lambda *_: _PickledArray()), "scalar": _Maker(_scalar)}
_NUMERIC = {"_frombuffer": _Maker(lambda data, dtype, shape, order: _PickledArray(shape, dtype, data, order == "F"))}
_BUILTINS = {"list": list, "dict": dict, "tuple": tuple, "set": set, "frozenset": frozenset, "complex": complex}

# Everything that a pickle may name. numpy 2 calls numpy.core numpy._core; Python 2 calls builtins __builtin__.
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): "ndarray",  # only ever an argument of _reconstruct
    ("numpy", "dtype"): _Maker(_PickledType),
    ("_codecs", "encode"): _Maker(_encode),
    **{(module, "bytes"): _Maker(lambda: b"") for module in ("builtins", "__builtin__")},
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("collections", "defaultdict"): collections.defaultdict,
    **{(f"numpy.{core}.multiarray", name): made for core in ("core", "_core") for name, made in _MULTIARRAY.items()},
    **{(f"numpy.{core}.numeric", name): made for core in ("core", "_core") for name, made in _NUMERIC.items()},
    **{(module, name): kind for module in ("builtins", "__builtin__") for name, kind in _BUILTINS.items()},
}


class _Refused(pickle.UnpicklingError):
    """A pickle names something else."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _Refused(f"{module}.{name}") from None


def _unpickled(stream: IO[bytes], name: str) -> Any:
    try:
        # Texts of Python 2 have no encoding; latin-1 keeps their bytes.
        return _Unpickler(stream, encoding="latin-1").load()
    except _Refused as error:
        raise DataError(
            f"{name} wants to run {error}, so it was not opened; only numpy arrays and plain containers are read"
        ) from error
    # Forged bytes can make any of them fail anyhow.
    except Exception as error:
        raise DataError(f"{name} is damaged or no pickle of arrays and plain containers; copy it again") from error


def _array(stream: IO[bytes], name: str) -> Any:
    try:
        version = np.lib.format.read_magic(stream)
        header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, fortran, dtype = header[version](stream)
        if not dtype.hasobject:
            plain = np.dtype(dtype)
            data = stream.read()
            if len(data) != math.prod(shape) * plain.itemsize:
                raise ValueError("another size")
            return np.frombuffer(data, plain).reshape(shape, order="F" if fortran else "C").copy()
    except Exception as error:
        raise DataError(f"{name} is damaged or no numpy file; copy it again") from error
    if dtype != np.dtype("O"):
        raise DataError(f"{name} holds records of objects; give an array of numbers")
    found = resolved(_unpickled(stream, name))
    if not isinstance(found, np.ndarray) or found.shape != shape:
        raise DataError(f"{name} is damaged or forged: its array has another shape than it promises")
    return found
