"""A person in the 3D panel: shaded limbs, head, joints, sorted by depth with everybody else's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from visualize import canvas
from visualize.canvas import Image
from visualize.orbit import View
from visualize.palette import BACKGROUND, SIDE_COLOURS, Colour, mix

__all__ = ["Figure", "Part", "figure_parts", "limb_radius"]

#: Radius of the limbs at each joint, metres: slimmer than a body, so that crossing limbs can be told apart.
_RADII = {
    "pelvis": 0.075, "hip": 0.066, "knee": 0.05, "ankle": 0.035, "spine": 0.075, "thorax": 0.062,
    "nose": 0.035, "head_top": 0.03, "shoulder": 0.05, "elbow": 0.038, "wrist": 0.028,
}  # fmt: skip
_JOINT_RADII = np.array([_RADII[name.removeprefix("left_").removeprefix("right_")] for name in H36M_17.joints])
_NOSE, _HEAD_TOP = H36M_17.index("nose"), H36M_17.index("head_top")
_SKULL = (_NOSE, _HEAD_TOP)
_HEAD_RADIUS = 0.105
_WHITE: Colour = (255, 255, 255)
_SHADOW: Colour = (9, 12, 18)
#: Standard deviations above this are worth a halo, metres.
_HALO_FROM_M = 0.03


@dataclass(frozen=True)
class Figure:
    """One person at one moment.

    Attributes:
        track_id: identity.
        joints_m: ``[17, 3]`` world, metres.
        imputed: ``[17]`` bool.
        sigma_m: ``[17]`` standard deviation in metres; NaN for unknown.
    """

    track_id: int
    joints_m: NDArray[np.float64]
    imputed: NDArray[np.bool_]
    sigma_m: NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """A shape and its distance from the viewer; draw the farthest first."""

    depth_m: float
    draw: Callable[[Image], None]


def limb_radius(radius_m: float, depth_m: float, view: View, min_scale_px: float) -> float:
    """Radius in pixels; limbs of far people keep a legible width (``min_scale_px`` pixels per metre)."""
    return radius_m * max(view.focal_px / depth_m, min_scale_px)


def figure_parts(figure: Figure, view: View, min_scale_px: float, fade: Callable[[float], float]) -> list[Part]:
    """The shapes of one person.

    Args:
        figure: the person.
        view: where it is seen from.
        min_scale_px: least scale of limb widths, pixels per metre.
        fade: share of the background in the colours at a depth in metres (0 = none).
    """
    pixels, depth = view.project(figure.joints_m)
    ready = np.isfinite(depth)
    radius = [
        limb_radius(_JOINT_RADII[j], depth[j], view, min_scale_px) if ready[j] else 0.0 for j in range(len(depth))
    ]
    parts: list[Part] = []
    for a, b in H36M_17.edges:
        if not (ready[a] and ready[b]) or (a, b) == _SKULL:
            continue
        middle = float(depth[a] + depth[b]) / 2
        colour = mix(SIDE_COLOURS[_side(a, b)], BACKGROUND, fade(middle))
        shape = canvas.Capsule(pixels[a], pixels[b], radius[a], radius[b])
        parts.append(Part(middle, _limb(shape, colour, bool(figure.imputed[a] or figure.imputed[b]))))
    if ready[_NOSE] and ready[_HEAD_TOP]:
        middle = float(depth[_NOSE] + depth[_HEAD_TOP]) / 2
        size = limb_radius(_HEAD_RADIUS, middle, view, min_scale_px)
        colour = mix(SIDE_COLOURS["centre"], BACKGROUND, fade(middle))
        centre = pixels[_NOSE] * 0.5 + pixels[_HEAD_TOP] * 0.5
        shape = canvas.Capsule(centre, centre, size, size)
        parts.append(Part(middle, _limb(shape, colour, bool(figure.imputed[list(_SKULL)].any()))))
    for joint in np.flatnonzero(ready):
        if joint == _HEAD_TOP:
            continue
        colour = mix(SIDE_COLOURS[H36M_17.side(int(joint))], BACKGROUND, fade(float(depth[joint])))
        size = 0.55 * radius[joint]
        sigma = float(figure.sigma_m[joint])
        halo = view.focal_px * sigma / float(depth[joint]) if sigma > _HALO_FROM_M else 0.0
        # A joint lies inside its limbs: bring it to their surface, but not through the limb of somebody in front.
        parts.append(
            Part(float(depth[joint]) - 0.12, _joint(pixels[joint], size, colour, bool(figure.imputed[joint]), halo))
        )
    return parts


def _side(first: int, second: int) -> str:
    side = H36M_17.side(second)
    return side if side != "centre" else H36M_17.side(first)


def _limb(shape: canvas.Capsule, colour: Colour, hollow: bool) -> Callable[[Image], None]:
    def draw(image: Image) -> None:
        shape.fill(image, _SHADOW, grow=1.2)
        if hollow:
            shape.fill(image, mix(colour, BACKGROUND, 0.35))
            shape.fill(image, mix(BACKGROUND, colour, 0.12), scale=0.68)
            return
        # Four nested shapes, brighter and nearer to the light, read as a rounded surface.
        shape.fill(image, mix(colour, _SHADOW, 0.45))
        shape.fill(image, mix(colour, _SHADOW, 0.2), scale=0.84, lean=0.08)
        shape.fill(image, colour, scale=0.62, lean=0.18)
        shape.fill(image, mix(colour, _WHITE, 0.3), scale=0.28, lean=0.34)

    return draw


def _joint(
    centre: NDArray[np.float64], radius: float, colour: Colour, hollow: bool, halo: float
) -> Callable[[Image], None]:
    def draw(image: Image) -> None:
        if halo > radius:
            canvas.soft_disc(image, centre, halo, colour, 0.3)
        if hollow:
            canvas.ring(image, centre, radius, mix(colour, BACKGROUND, 0.2), max(1.0, 0.4 * radius))
        else:
            canvas.disc(image, centre, radius, mix(colour, _WHITE, 0.6))

    return draw
