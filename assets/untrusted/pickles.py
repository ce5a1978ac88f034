"""Pickles of others, read without running anything that they contain.

A pickle is a program: unpickling calls whatever it names. Here it may name numpy's arrays, scalars and dtypes and the
plain containers, and even those are not called: stand-ins of our own take their arguments, check them and build the
array afterwards, because numpy's own ``__setstate__`` trusts sizes that a forged file can choose.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from assets.untrusted.limits import Limits, UntrustedFileError, limits_in_force, opened

__all__ = ["Pickled", "load_pickle", "unpickled"]


def load_pickle(path: Path, limits: Limits | None = None) -> Pickled:
    """What a pickle holds.

    Raises:
        UntrustedFileError: see there.
    """
    limits = limits or limits_in_force()
    with opened(path, limits.file_bytes) as (stream, _):
        return unpickled(stream.read(), str(path), limits)


def unpickled(data: bytes, where: str, limits: Limits | None = None) -> Pickled:
    """``load_pickle`` for bytes from the file ``where``."""
    limits = limits or limits_in_force()
    try:
        return Pickled(_Unpickler(data).load(), where, len(data), limits)
    except _Refused as error:
        raise UntrustedFileError(
            f"{where} wants to run {error}, so it was not opened; only numpy arrays and plain containers are read"
        ) from error
    # Forged bytes can make any of them fail anyhow.
    except Exception as error:
        raise UntrustedFileError(
            f"{where} is damaged or no pickle of arrays and plain containers; copy it again"
        ) from error


class Pickled:
    """What a pickle holds: ``value`` has containers as they are, arrays in it are built by ``resolved``.

    What stands in it twice is built once, and counted as often as it is reached: a small file could hold endless lists.
    """

    def __init__(self, value: Any, where: str, size: int, limits: Limits) -> None:
        self.value = value
        self._where, self._limits = where, limits
        self._most = max(size, limits.values)
        self._left = size
        self._done: dict[int, tuple[Any, int]] = {}

    def resolved(self, *part: Any) -> Any:
        """The value, or a part of it, with numpy arrays in their places.

        Raises:
            UntrustedFileError: an array is not what its shape and type promise; containers hold themselves, or more
                than the file can.
        """
        try:
            return self._built(part[0] if part else self.value, 0)[0]
        except _Forged as error:
            raise UntrustedFileError(f"{self._where}: {error}; the file is damaged or forged") from error

    def _built(self, value: Any, depth: int) -> tuple[Any, int]:
        """The value and how many values are reached through it."""
        if depth > self._limits.depth:
            raise _Forged("its containers are nested too deeply")
        if isinstance(value, _PickledArray):
            found = self._done.get(id(value)) or self._array(value, depth)
        elif isinstance(value, dict | list | tuple | set | frozenset):
            found = self._done.get(id(value)) or self._container(value, depth)
        elif value is None or isinstance(value, bool | int | float | complex | str | bytes | bytearray):
            if isinstance(value, int) and value.bit_length() > 64:
                raise _Forged("it holds a number that is too large")
            return value, 1
        else:
            raise _Forged("it holds something that is no plain value")
        if found[1] > self._most:
            raise _Forged("its containers are too large (--limits raises what is allowed)")
        self._done[id(value)] = found
        return found

    def _container(self, value: Any, depth: int) -> tuple[Any, int]:
        items = [self._built(item, depth + 1) for item in (value.values() if isinstance(value, dict) else value)]
        count = 1 + sum(size for _, size in items)
        if isinstance(value, dict):
            return {self._key(key): item for key, (item, _) in zip(value, items, strict=True)}, count
        if isinstance(value, set | frozenset):
            return {self._key(item) for item in value}, count
        return type(value)([item for item, _ in items]), count

    def _key(self, value: Any) -> Any:
        key = self._built(value, 0)[0]
        if isinstance(key, np.ndarray):
            key = key if key.shape else key.item()
        try:
            hash(key)
        except TypeError as error:
            raise _Forged("a dict in it has an array as a key") from error
        return key

    def _array(self, value: _PickledArray, depth: int) -> tuple[NDArray[Any], int]:
        # Many arrays could share the bytes of one.
        self._left -= len(value.data) if isinstance(value.data, str | list) else 0
        if self._left < 0:
            raise _Forged("its arrays are larger than the file")
        counts = [1]

        def resolve(item: Any) -> Any:
            built, count = self._built(item, depth + 1)
            counts.append(count)
            return built

        return value.build(resolve), sum(counts)


class _Forged(Exception):
    """What is wrong within a pickle, as the middle of a sentence."""


class _Refused(pickle.UnpicklingError):
    """A pickle names something else."""


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
            raise _Forged("an array is not made of plain numbers or texts")
        if code[0] == "O":
            return np.dtype("O")
        try:
            return np.dtype(code).newbyteorder(self.order)
        except (TypeError, ValueError) as error:
            raise _Forged(f"an array has the unknown type {self.code!r}") from error


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
            raise _Forged("an array is none")
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
            return np.frombuffer(data, dtype).reshape(shape, order=order)
        raise _Forged("an array has another size than it promises")


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


def _plain_key(key: Any) -> Any:
    """A key that is hashed at once: a tuple of tuples could take for ever."""
    flat = isinstance(key, tuple) and not any(isinstance(item, tuple) for item in key)
    if not flat and not isinstance(key, _PickledArray | str | bytes | int | float | complex | None):
        raise pickle.UnpicklingError("a key that is no plain value")
    return key


def _dict(items: Iterable[Any] = ()) -> dict[Any, Any]:
    return {_plain_key(key): value for key, value in items}


def _set(items: Iterable[Any] = ()) -> set[Any]:
    return {_plain_key(item) for item in items}


def _never(*_: Any) -> Any:
    raise pickle.UnpicklingError("the name of a type, not to be called")


_MULTIARRAY = {"_reconstruct": _Maker(lambda *_: _PickledArray()), "scalar": _Maker(_scalar)}
_NUMERIC = {"_frombuffer": _Maker(lambda data, dtype, shape, order: _PickledArray(shape, dtype, data, order == "F"))}
_BUILTINS: dict[str, Callable[..., Any]] = {
    "list": _never, "dict": _never, "tuple": _never, "set": _set, "frozenset": _set, "complex": complex,
    "bytes": lambda: b"",
}  # fmt: skip

# Everything that a pickle may name. numpy 2 calls numpy.core numpy._core; Python 2 calls builtins __builtin__.
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Maker(_never),  # only ever an argument of _reconstruct
    ("numpy", "dtype"): _Maker(_PickledType),
    ("_codecs", "encode"): _Maker(_encode),
    ("collections", "OrderedDict"): _Maker(_dict),
    ("collections", "defaultdict"): _Maker(lambda *_: {}),  # its items follow
    **{(f"numpy.{core}.multiarray", name): made for core in ("core", "_core") for name, made in _MULTIARRAY.items()},
    **{(f"numpy.{core}.numeric", name): made for core in ("core", "_core") for name, made in _NUMERIC.items()},
    **{(module, name): _Maker(make) for module in ("builtins", "__builtin__") for name, make in _BUILTINS.items()},
}


_REFUSED_CODES = (
    pickle.INST, pickle.OBJ, pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.PERSID, pickle.BINPERSID, pickle.EXT1, pickle.EXT2,
    pickle.EXT4, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER,
)  # fmt: skip


class _Unpickler(pickle._Unpickler):
    """The one in Python: that in C makes room for any index of its memo, and hashes any key, before one can look.

    It makes lists, dicts, sets and plain values, and the stand-ins; a container or a text that is given to one of them
    counts against the size of the file, because it may be given to many.
    """

    dispatch: ClassVar[dict[int, Callable[..., None]]] = {
        code: method for code, method in pickle._Unpickler.dispatch.items() if bytes([code]) not in _REFUSED_CODES
    }

    stack: list[Any]
    append: Callable[[Any], None]
    read: Callable[[int], bytes]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, data: bytes) -> None:
        # Texts of Python 2 have no encoding; latin-1 keeps their bytes.
        super().__init__(io.BytesIO(data), encoding="latin-1")
        self._left = len(data)

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _Refused(f"{module}.{name}") from None

    def _reduce(self) -> None:
        arguments = self.stack.pop()
        self._left -= sum(len(argument) for argument in arguments if isinstance(argument, str | list | tuple))
        if self._left < 0 or not isinstance(self.stack[-1], _Maker):
            raise pickle.UnpicklingError("makes more than the file holds, or calls what is no function")
        self.stack[-1] = self.stack[-1](*arguments)

    def _build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _PickledArray | _PickledType):
            raise pickle.UnpicklingError("a state for what has none")
        self.stack[-1].__setstate__(state)

    def _set_items(self) -> None:
        items = self.pop_mark()
        self._add(self.stack[-1], items[::2], items[1::2])

    def _set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._add(self.stack[-1], [key], [value])

    def _dict(self) -> None:
        items = self.pop_mark()
        self.append(_dict(zip(items[::2], items[1::2], strict=True)))

    def _add(self, target: Any, keys: list[Any], values: list[Any]) -> None:
        if not isinstance(target, dict):
            raise pickle.UnpicklingError("items for what is no dict")
        target.update(_dict(zip(keys, values, strict=True)))

    def _add_to_set(self) -> None:
        items = self.pop_mark()
        self.stack[-1].update(_set(items))

    def _frozenset(self) -> None:
        self.append(_set(self.pop_mark()))

    def _bytearray(self) -> None:
        self.append(bytearray(self.read(int.from_bytes(self.read(8), "little"))))

    dispatch |= {
        pickle.REDUCE[0]: _reduce,
        pickle.BUILD[0]: _build,
        pickle.SETITEMS[0]: _set_items,
        pickle.SETITEM[0]: _set_item,
        pickle.DICT[0]: _dict,
        pickle.ADDITEMS[0]: _add_to_set,
        pickle.FROZENSET[0]: _frozenset,
        pickle.BYTEARRAY8[0]: _bytearray,
    }
