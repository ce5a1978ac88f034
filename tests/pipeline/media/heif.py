"""Pictures made of tiles, as iPhones write them: the tests put the boxes of the file together themselves."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

__all__ = ["box", "write_grid"]


def box(kind: str, *parts: bytes, version: int | None = None, flags: int = 0) -> bytes:
    """A box of ISO/IEC 14496-12; with ``version`` a full one."""
    head = b"" if version is None else struct.pack(">I", version << 24 | flags)
    body = head + b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind.encode("ascii") + body


def _coded(image: NDArray[np.uint8], extension: str) -> tuple[bytes, bytes]:
    """A picture as a coded item, and the record of its decoder (``hvcC`` or ``av1C``)."""
    name, options = "libx265", {"x265-params": "log-level=none:info=0:repeat-headers=1", "crf": "2"}
    if extension == ".avif":
        name, options = "libsvtav1", {"crf": "5"}
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = image.shape[1], image.shape[0], "yuv420p"
    encoder.time_base, encoder.options = Fraction(1, 25), options
    frame = av.VideoFrame.from_ndarray(image).reformat(format="yuv420p")
    data = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    if extension == ".avif":
        # Profile 0, 8 bits, 4:2:0; what is decoded stands in the item.
        return data, bytes([0x81, 0x08, 0x0C, 0])
    units = [unit for unit in re.split(b"\0\0\0?\1", data) if unit]
    lists = [[unit for unit in units if unit[0] >> 1 == kind] for kind in (32, 33, 34)]
    record = bytes([1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 30, 0xF0, 0, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0, 0x0F, 3])
    for kind, of_kind in zip((32, 33, 34), lists, strict=True):
        record += struct.pack(">BH", 0x80 | kind, len(of_kind))
        record += b"".join(struct.pack(">H", len(unit)) + unit for unit in of_kind)
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in units if unit[0] >> 1 < 32), record


def write_grid(
    path: Path,
    image: NDArray[np.uint8],
    tile: int = 64,
    *,
    turn: int = 0,
    mirror: int | None = None,
    thumbnail: bool = False,
    kind: str = "grid",
    shape: tuple[int, int] | None = None,
    canvas: tuple[int, int] | None = None,
    tiles: Sequence[int] | None = None,
    in_file: bool = False,
    exif: bytes = b"",
) -> Path:
    """A picture cut into square tiles.

    Args:
        path: ``.heic`` or ``.avif``.
        image: ``[H, W, 3]`` as stored.
        tile: side in pixels; the tiles at the right and lower edge reach over the picture.
        turn: quarter turns counter-clockwise that viewers are to make (``irot``).
        mirror: the axis of ``imir``: 0 exchanges top and bottom, 1 left and right; None is no mirror.
        thumbnail: also a small single picture, grey.
        kind: of the primary item; "iovl" is laid over something else.
        shape: rows and columns that the file states, in place of the true ones.
        canvas: width and height likewise.
        tiles: numbers of the items that the file says the grid is made of, from 1, likewise.
        in_file: the description of the grid stands among the pictures, not in the header.
        exif: EXIF as in TIFF, "II" or "MM" first.
    """
    height, width = image.shape[:2]
    rows, columns = -(-height // tile), -(-width // tile)
    padded = np.pad(image, ((0, rows * tile - height), (0, columns * tile - width), (0, 0)), mode="edge")
    pieces = [
        padded[tile * row : tile * (row + 1), tile * column : tile * (column + 1)]
        for row in range(rows)
        for column in range(columns)
    ]
    pieces += [np.full((64, 64, 3), 128, np.uint8)] if thumbnail else []
    coded = [_coded(np.ascontiguousarray(piece), path.suffix) for piece in pieces]
    count, grid_id = rows * columns, len(pieces) + 1
    code, record = ("av01", "av1C") if path.suffix == ".avif" else ("hvc1", "hvcC")
    rows, columns = shape or (rows, columns)
    shown = canvas or (width, height)
    description = struct.pack(">BBBBHH", 0, 0, (rows - 1) & 255, (columns - 1) & 255, *shown)

    properties, owned = [], {}
    for number, ((_, extra), piece) in enumerate(zip(coded, pieces, strict=True), start=1):
        properties += [
            box(record, extra),
            box("ispe", struct.pack(">II", piece.shape[1], piece.shape[0]), version=0),
        ]
        owned[number] = [0x80 | 2 * number - 1, 2 * number]
    properties.append(box("ispe", struct.pack(">II", *shown), version=0))
    owned[grid_id] = [len(properties)]
    if turn:
        properties.append(box("irot", bytes([turn])))
        owned[grid_id].append(0x80 | len(properties))
    if mirror is not None:
        properties.append(box("imir", bytes([mirror])))
        owned[grid_id].append(0x80 | len(properties))

    def infe(number: int, name: str) -> bytes:
        return box("infe", struct.pack(">HH4sB", number, 0, name.encode("ascii"), 0), version=2)

    items = [infe(number, code) for number in owned if number != grid_id] + [infe(grid_id, kind)]
    items += [infe(grid_id + 1, "Exif")] if exif else []
    of = list(tiles) if tiles is not None else list(range(1, count + 1))
    references = box("dimg", struct.pack(f">HH{len(of)}H", grid_id, len(of), *of))
    if thumbnail:
        references += box("thmb", struct.pack(">HHH", count + 1, 1, grid_id))
    references += box("cdsc", struct.pack(">HHH", grid_id + 1, 1, grid_id)) if exif else b""
    associations = b"".join(struct.pack(">HB", number, len(all_)) + bytes(all_) for number, all_ in owned.items())
    data = {number: each for number, (each, _) in enumerate(coded, start=1)}
    data |= {grid_id: description} if in_file else {}
    data |= {grid_id + 1: bytes(4) + exif} if exif else {}

    def meta(begin: int) -> bytes:
        places, at = b"", begin
        for number, each in data.items():
            places += struct.pack(">HHHHII", number, 0, 0, 1, at, len(each))
            at += len(each)
        if not in_file:
            places += struct.pack(">HHHHII", grid_id, 1, 0, 1, 0, len(description))
        return box(
            "meta",
            box("hdlr", struct.pack(">I4s12xB", 0, b"pict", 0), version=0),
            box("pitm", struct.pack(">H", grid_id), version=0),
            box("iinf", struct.pack(">H", len(items)), *items, version=0),
            box("iref", references, version=0),
            box(
                "iprp",
                box("ipco", *properties),
                box("ipma", struct.pack(">I", len(owned)), associations, version=0),
            ),
            box("iloc", struct.pack(">BBH", 0x44, 0, len(data) + (not in_file)), places, version=1),
            b"" if in_file else box("idat", description),
            version=0,
        )

    brand = b"avif" if path.suffix == ".avif" else b"heic"
    head = box("ftyp", brand, struct.pack(">I", 0), b"mif1", brand)
    begin = len(head) + len(meta(0)) + 8
    path.write_bytes(head + meta(begin) + box("mdat", *data.values()))
    return path
