"""Anti-aliased shapes and text on an RGB image, at sub-pixel positions, drawn in place.

Images are ``[H, W, 3]`` uint8 RGB; points are ``[2]`` or ``[N, 2]`` floats, x right and y down, in pixels. Shapes that
reach outside the image are clipped. Coordinates must be finite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualize.palette import Colour, readable_on

__all__ = [
    "Capsule",
    "Image",
    "Layer",
    "blend_mask",
    "chip",
    "chip_size",
    "dashed_line",
    "disc",
    "line",
    "polylines",
    "resized",
    "ring",
    "soft_disc",
    "text_size",
    "write_text",
]

Image = NDArray[np.uint8]

#: Fractional bits of OpenCV's fixed-point coordinates.
_SHIFT = 4
#: Far outside any image, yet small enough for OpenCV's 32-bit fixed-point arithmetic.
_LIMIT = 20_000.0
_ARC = np.linspace(0.0, 1.0, 9)
#: Towards the light, in the picture.
_LIGHT = np.array([-0.5, -0.86])


def _fixed(points: ArrayLike) -> NDArray[np.int32]:
    clipped = np.minimum(np.maximum(points, -_LIMIT), _LIMIT)
    return np.rint(clipped * (1 << _SHIFT)).astype(np.int32)


def _pair(point: ArrayLike) -> tuple[int, int]:
    x, y = _fixed(point)
    return int(x), int(y)


def resized(image: Image, size: tuple[int, int]) -> Image:
    """The picture at another (width, height), ten times faster than averaging over odd areas, without aliasing."""
    picture = image
    while picture.shape[1] >= 2 * size[0] and picture.shape[0] >= 2 * size[1]:
        half = (picture.shape[1] // 2, picture.shape[0] // 2)
        picture = np.asarray(cv2.resize(picture, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    grow = size[1] > picture.shape[0]
    method = cv2.INTER_CUBIC if grow else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=method), dtype=np.uint8)


def line(image: Image, start: ArrayLike, end: ArrayLike, colour: Colour, width: float) -> None:
    """A line with round ends; widths below one pixel are drawn as one pixel."""
    cv2.line(image, _pair(start), _pair(end), colour, max(1, round(width)), cv2.LINE_AA, _SHIFT)


def polylines(
    image: Image, lines: Sequence[NDArray[np.float64]] | NDArray[np.float64], colour: Colour | int, width: float
) -> None:
    """Many open lines of one colour in one call; ``lines`` is a list of ``[N, 2]`` or an array ``[L, N, 2]``."""
    if len(lines):
        # One conversion for all of them: the scene has a thousand short lines.
        ready = list(_fixed(lines)) if isinstance(lines, np.ndarray) else [_fixed(item) for item in lines]
        value = (colour,) if isinstance(colour, int) else colour
        cv2.polylines(image, ready, False, value, max(1, round(width)), cv2.LINE_AA, _SHIFT)


def dashed_line(image: Image, start: ArrayLike, end: ArrayLike, colour: Colour, width: float, dash: float) -> None:
    """Dashes of ``dash`` pixels with gaps of the same length."""
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    # A joint far outside the picture must not cost thousands of dashes.
    count = min(200, max(1, round(float(np.hypot(*(b - a))) / (2 * dash))))
    steps = (np.arange(count)[:, None] + np.array([0.2, 0.8])) / count
    polylines(image, a + steps[..., None] * (b - a), colour, width)


def disc(image: Image, centre: ArrayLike, radius: float, colour: Colour) -> None:
    """A filled circle."""
    cv2.circle(image, _pair(centre), max(1, round(radius * (1 << _SHIFT))), colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def ring(image: Image, centre: ArrayLike, radius: float, colour: Colour, width: float) -> None:
    """The outline of a circle."""
    cv2.circle(
        image, _pair(centre), max(1, round(radius * (1 << _SHIFT))), colour, max(1, round(width)), cv2.LINE_AA, _SHIFT
    )


@lru_cache(maxsize=256)
def _glow_mask(radius: int) -> NDArray[np.uint8]:
    axis = np.arange(-radius, radius + 1) / (radius + 0.5)
    return np.rint(255 * np.clip(1 - axis[:, None] ** 2 - axis[None, :] ** 2, 0, 1)).astype(np.uint8)


def soft_disc(image: Image, centre: ArrayLike, radius: float, colour: Colour, opacity: float) -> None:
    """A glow that fades to nothing at ``radius`` pixels."""
    x, y = np.asarray(centre, dtype=np.float64)
    # Larger glows are cut: they would cover the scene, and cost accordingly.
    reach = max(1, min(round(radius), max(image.shape) // 4))
    if -reach <= x <= image.shape[1] + reach and -reach <= y <= image.shape[0] + reach:
        blend_mask(image, _glow_mask(reach), round(x) - reach, round(y) - reach, colour, opacity)


class Layer(NamedTuple):
    """One filling of a capsule.

    Attributes:
        colour: RGB.
        scale: factor on both radii.
        grow: pixels added to both radii.
        lean: share of the radius by which the shape moves to the upper left, where the light comes from.
    """

    colour: Colour
    scale: float = 1.0
    grow: float = 0.0
    lean: float = 0.0


class Capsule:
    """Two circles and their common tangents: a tapered limb. Its outline is computed once and drawn at several widths.

    Args:
        start, end: ``[2]`` centres in pixels.
        start_radius, end_radius: radii in pixels.
    """

    def __init__(self, start: ArrayLike, end: ArrayLike, start_radius: float, end_radius: float) -> None:
        a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
        length = math.hypot(b[0] - a[0], b[1] - a[1])
        if length <= abs(start_radius - end_radius) + 1e-6:
            # One circle swallows the other: the limb points at the viewer.
            angles = 2 * np.pi * np.linspace(0.0, 1.0, 2 * len(_ARC), endpoint=False)
            self._centres = np.tile(a if start_radius >= end_radius else b, (len(angles), 1))
            radii = np.full(len(angles), max(start_radius, end_radius))
        else:
            heading = math.atan2(b[1] - a[1], b[0] - a[0])
            tangent = math.acos((start_radius - end_radius) / length)
            around_start = heading + tangent + _ARC * 2 * (math.pi - tangent)
            around_end = heading - tangent + _ARC * 2 * tangent
            angles = np.concatenate([around_start, around_end])
            self._centres = np.repeat([a, b], len(_ARC), axis=0)
            radii = np.repeat([start_radius, end_radius], len(_ARC))
        self._directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        self._offsets = self._directions * radii[:, None]
        self._leans = radii[:, None] * _LIGHT

    def fill(self, image: Image, layers: Sequence[Layer]) -> None:
        """Fill the capsule once for each layer, the first one at the bottom."""
        scale, grow, lean = np.array([layer[1:] for layer in layers]).T[..., None, None]
        outlines = _fixed(self._centres + scale * self._offsets + grow * self._directions + lean * self._leans)
        for layer, outline in zip(layers, outlines, strict=True):
            cv2.fillConvexPoly(image, outline, layer.colour, cv2.LINE_AA, _SHIFT)


def blend_mask(
    image: Image, mask: NDArray[np.uint8], left: int, top: int, colour: Colour, opacity: float = 1.0
) -> None:
    """Paint ``colour`` through an alpha mask ``[h, w]`` whose upper left corner lies at ``(left, top)``."""
    height, width = image.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + mask.shape[1], width), min(top + mask.shape[0], height)
    if x0 >= x1 or y0 >= y1:
        return
    alpha = mask[y0 - top : y1 - top, x0 - left : x1 - left]
    if opacity != 1.0:
        alpha = _scaled(alpha, opacity)
    region = image[y0:y1, x0:x1]
    kept = cv2.multiply(region, cv2.merge([cv2.bitwise_not(alpha)] * 3), scale=1 / 255)
    cv2.add(kept, cv2.merge([_scaled(alpha, value / 255) for value in colour]), dst=region)


def _scaled(mask: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    return np.asarray(cv2.convertScaleAbs(mask, alpha=factor), dtype=np.uint8)


@lru_cache(maxsize=512)
def _text_mask(text: str, size: int) -> NDArray[np.uint8]:
    from PIL import Image as PillowImage
    from PIL import ImageDraw, ImageFont

    font = ImageFont.load_default(size)
    # The same box for all texts of one size, so that lines share a baseline: capital top to descender.
    top, bottom = font.getbbox("Hg")[1], font.getbbox("Hg")[3]
    picture = PillowImage.new("L", (max(1, math.ceil(font.getlength(text))), max(1, math.ceil(bottom - top))))
    ImageDraw.Draw(picture).text((0, -top), text, fill=255, font=font)
    return np.asarray(picture)


def text_size(text: str, size: int) -> tuple[int, int]:
    """Width and height in pixels of ``write_text``."""
    height, width = _text_mask(text, size).shape
    return width, height


def write_text(
    image: Image, text: str, left: float, top: float, size: int, colour: Colour, opacity: float = 1.0
) -> None:
    """Text of a font size in pixels, its upper left corner at ``(left, top)``."""
    blend_mask(image, _text_mask(text, size), round(left), round(top), colour, opacity)


@lru_cache(maxsize=128)
def _pill_mask(width: int, height: int, radius: int) -> NDArray[np.uint8]:
    # Drawn four times too large and averaged: OpenCV's own anti-aliasing leaves flat spots on small radii.
    big = np.zeros((4 * height, 4 * width), dtype=np.uint8)
    reach = 4 * min(radius, width // 2, height // 2)
    right, bottom = 4 * width - 1, 4 * height - 1
    cv2.rectangle(big, (reach, 0), (right - reach, bottom), (255,), cv2.FILLED)
    cv2.rectangle(big, (0, reach), (right, bottom - reach), (255,), cv2.FILLED)
    for x in (reach, right - reach):
        for y in (reach, bottom - reach):
            cv2.circle(big, (x, y), reach, (255,), cv2.FILLED)
    return np.asarray(cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def chip(image: Image, text: str, left: float, top: float, size: int, colour: Colour, opacity: float = 1.0) -> None:
    """A label: text of a font size in pixels on a rounded plate, kept inside the image where it fits."""
    width, height = chip_size(text, size)
    x = round(min(max(left, 0), max(image.shape[1] - width, 0)))
    y = round(min(max(top, 0), max(image.shape[0] - height, 0)))
    blend_mask(image, _pill_mask(width, height, round(0.36 * height)), x, y, colour, opacity)
    text_width, text_height = text_size(text, size)
    # The descender takes part of the text box although ids have none; a small shift centres the digits.
    write_text(
        image,
        text,
        x + (width - text_width) / 2,
        y + (height - text_height) / 2 + 0.09 * size,
        size,
        readable_on(colour),
    )


def chip_size(text: str, size: int) -> tuple[int, int]:
    """Width and height in pixels of ``chip``."""
    width, height = text_size(text, size)
    return width + round(0.9 * size), height + round(0.45 * size)
