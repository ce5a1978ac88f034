"""HEIF and AVIF pictures made of tiles, as phones write them: how the tiles lie, by the boxes of the header.

The boxes are those of ISO/IEC 23008-12 (grid, irot, imir) and ISO/IEC 14496-12 (meta, iinf, iref, iloc). FFmpeg decodes
every tile; which picture they make together PyAV does not tell.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from assets.untrusted.images import check_pixels
from assets.untrusted.limits import Limits, UntrustedFileError, damage, opened

__all__ = ["TileGrid", "tile_grid"]

# The header comes first; a real one has some kilobytes, and phones write three boxes in all.
_SEARCHED_BOXES, _HEADER_BYTES = 16, 2**24
_ITEM_BYTES, _EXTENTS = 2**20, 16
_REMEDY = "save it as JPEG"

_Boxes = dict[bytes, memoryview]


@dataclass(frozen=True)
class TileGrid:
    """How a picture is put together.

    Attributes:
        rows, columns: of tiles, all of one size.
        width, height: of the picture in pixels, before it is turned; what of the tiles lies right of it or below is
            cut off.
        tiles: number of the item (FFmpeg: of the stream) of every tile, row by row.
        transforms: what is then to be done, in this order: so many quarter turns counter-clockwise, or exchanging top
            and bottom (0) or left and right (1).
        exif: EXIF of the picture, empty if it has none.
    """

    rows: int
    columns: int
    width: int
    height: int
    tiles: tuple[int, ...]
    transforms: tuple[tuple[Literal["turn", "mirror"], int], ...]
    exif: bytes


def tile_grid(path: Path, limits: Limits | None = None) -> TileGrid | None:
    """The grid that a picture is; None if the file is something else.

    Raises:
        UntrustedFileError: the header is damaged, or the picture is put together in another way.
    """
    # Films have the same kind of header, and may be of any size.
    with opened(path, 2**63) as (stream, size), damage(path, "picture made of tiles", _REMEDY):
        meta = _meta(stream, size)
        if meta is None:
            return None
        boxes = dict(_boxes(meta[4:]))
        primary = _primary(boxes)
        kinds = dict(_items(boxes[b"iinf"]))
        if kinds.get(primary) == b"iovl":
            raise UntrustedFileError(f"{path} is several pictures laid over each other, which is not read; {_REMEDY}")
        if kinds.get(primary) != b"grid":
            return None
        references = list(_references(boxes[b"iref"]))
        tiles = next(to for kind, item, to in references if kind == b"dimg" and item == primary)
        described = _item(stream, size, boxes, primary)
        wide = described[1] & 1
        rows, columns = described[2] + 1, described[3] + 1
        width, height = struct.unpack_from(">II" if wide else ">HH", described, 4)
        if rows * columns != len(tiles) or not width or not height:
            raise ValueError("rows and columns are not those of the tiles")
        check_pixels(path, width, height, limits)
        exif = next((item for kind, item, to in references if kind == b"cdsc" and primary in to and
                     kinds.get(item) == b"Exif"), None)  # fmt: skip
        # Four bytes say where in the item the EXIF begins.
        text = _item(stream, size, boxes, exif) if exif is not None else b""
        begin = 4 + int.from_bytes(text[:4]) if len(text) > 4 else 0
        return TileGrid(rows, columns, width, height, tiles, _transforms(boxes[b"iprp"], primary), text[begin:])


def _meta(stream: IO[bytes], size: int) -> memoryview | None:
    """The header that describes pictures, if there is one."""
    at = 0
    for _ in range(_SEARCHED_BOXES):
        stream.seek(at)
        head = stream.read(16)
        if len(head) < 8:
            return None
        length, kind, skipped = int.from_bytes(head[:4]), head[4:8], 8
        if length == 1 and len(head) == 16:
            length, skipped = int.from_bytes(head[8:]), 16
        if at == 0 and kind != b"ftyp":
            return None
        if kind == b"meta":
            if not skipped + 4 <= length <= min(_HEADER_BYTES, size - at):
                raise ValueError("header of a size that cannot be")
            stream.seek(at + skipped)
            return memoryview(stream.read(length - skipped))
        if length < skipped:
            return None
        at += length
    return None


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and content of the boxes in another one."""
    at = 0
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4]), bytes(data[at + 4 : at + 8])
        if not 8 <= length <= len(data) - at:
            raise ValueError("a box reaches out of the one around it")
        yield kind, data[at + 8 : at + length]
        at += length


def _numbers(data: memoryview, at: int, *sizes: int) -> tuple[int, ...]:
    """Numbers of so many bytes each, one behind the other."""
    found = []
    for size in sizes:
        if at + size > len(data):
            raise ValueError("a box ends within a number")
        found.append(int.from_bytes(data[at : at + size]))
        at += size
    return tuple(found)


def _primary(boxes: _Boxes) -> int:
    pitm = boxes[b"pitm"]
    return _numbers(pitm, 4, 4 if pitm[0] else 2)[0]


def _items(iinf: memoryview) -> Iterator[tuple[int, bytes]]:
    """Number and kind of every item."""
    for kind, infe in _boxes(iinf[8 if iinf[0] else 6 :]):
        if kind == b"infe" and infe[0] >= 2:
            wide = 4 if infe[0] > 2 else 2
            yield _numbers(infe, 4, wide)[0], bytes(infe[6 + wide : 10 + wide])


def _references(iref: memoryview) -> Iterator[tuple[bytes, int, tuple[int, ...]]]:
    """Kind of reference, the item that refers, and the items that it refers to."""
    wide = 4 if iref[0] else 2
    for kind, data in _boxes(iref[4:]):
        item, count = _numbers(data, 0, wide, 2)
        # The box was read: it cannot hold more of them than the file has bytes.
        yield kind, item, _numbers(data, wide + 2, *[wide] * count)


def _transforms(iprp: memoryview, item: int) -> tuple[tuple[Literal["turn", "mirror"], int], ...]:
    """What is to be done with an item, in order."""
    inner = dict(_boxes(iprp))
    properties, ipma = list(_boxes(inner[b"ipco"])), inner[b"ipma"]
    wide_item, wide_index = 4 if ipma[0] else 2, 2 if ipma[3] & 1 else 1
    at, count = 8, _numbers(ipma, 4, 4)[0]
    for _ in range(min(count, len(ipma))):
        number, owned = _numbers(ipma, at, wide_item, 1)
        at += wide_item + 1
        if number == item:
            found: list[tuple[Literal["turn", "mirror"], int]] = []
            for index in _numbers(ipma, at, *[wide_index] * owned):
                # The highest bit: viewers that do not know the property must not show the picture.
                place = index & (0x7FFF if wide_index == 2 else 0x7F)
                kind, data = properties[place - 1] if place else (b"", memoryview(b""))
                if kind == b"irot":
                    found.append(("turn", data[0] & 3))
                elif kind == b"imir":
                    found.append(("mirror", data[0] & 1))
            return tuple(found)
        at += wide_index * owned
    return ()


def _item(stream: IO[bytes], size: int, boxes: _Boxes, item: int) -> bytes:
    """What an item holds: a few bytes that describe something."""
    iloc = boxes[b"iloc"]
    version, sizes = iloc[0], _numbers(iloc, 4, 1, 1)
    offset_size, length_size, base_size = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4
    index_size = sizes[1] & 15 if version else 0
    wide = 4 if version == 2 else 2
    at, count = 6 + wide, _numbers(iloc, 6, wide)[0]
    for _ in range(min(count, len(iloc))):
        head = _numbers(iloc, at, wide, *([2] if version else []), 2, base_size, 2)
        number, base, extents = head[0], head[-2], head[-1]
        at += wide + (2 if version else 0) + 2 + base_size + 2
        if number != item:
            at += extents * (index_size + offset_size + length_size)
            continue
        if extents > _EXTENTS:
            raise ValueError("a description in too many parts")
        parts = b""
        for _ in range(extents):
            _, offset, length = _numbers(iloc, at, index_size, offset_size, length_size)
            at += index_size + offset_size + length_size
            inside = version > 0 and head[1] & 15 == 1
            room = len(boxes[b"idat"]) if inside else size
            if length > _ITEM_BYTES - len(parts) or base + offset + length > room:
                raise ValueError("a description that lies outside the file")
            if inside:
                parts += bytes(boxes[b"idat"][base + offset : base + offset + length])
            else:
                stream.seek(base + offset)
                parts += stream.read(length)
        return parts
    raise ValueError("an item that is nowhere")
