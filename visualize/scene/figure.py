"""A person in the 3D panel: shaded limbs, head, joints, sorted by depth with everybody else's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.body.joints import ENDS, HEAD_TOP, NOSE, SHOULDERS, THORAX
from visualize import canvas
from visualize.canvas import Image
from visualize.palette import DARK, SIDE_COLOURS, Colour, Theme, mix
from visualize.scene.orbit import View

__all__ = ["Figure", "Part", "figure_parts", "limb_radius"]

#: Radius of the limbs at each joint, metres: slimmer than a body, so that crossing limbs can be told apart.
_RADII = {
    "pelvis": 0.082, "hip": 0.068, "knee": 0.05, "ankle": 0.036, "spine": 0.082, "thorax": 0.074,
    "nose": 0.035, "head_top": 0.03, "shoulder": 0.052, "elbow": 0.04, "wrist": 0.029,
}  # fmt: skip
_JOINT_RADII = np.array([_RADII[name.removeprefix("left_").removeprefix("right_")] for name in H36M_17.joints])
_SKULL, _NECK = (NOSE, HEAD_TOP), (THORAX, NOSE)
#: Joints that get a light bead; on the trunk they would only clutter.
_BEADS = {*ENDS, *SHOULDERS}
#: The head is a ball, metres.
_HEAD_RADIUS = 0.105
_WHITE: Colour = (255, 255, 255)
#: Standard deviations above this are worth a halo; between these two the colours fade, metres.
_HALO_FROM_M = 0.1
_DOUBT_M = (0.1, 0.3)


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

    @property
    def head_m(self) -> NDArray[np.float64]:
        """``[3]`` middle of the head, world, metres."""
        return np.asarray(self.joints_m[list(_SKULL)].mean(axis=0))


@dataclass(frozen=True)
class Part:
    """A shape and its distance from the viewer; draw the farthest first."""

    depth_m: float
    draw: Callable[[Image], None]


def limb_radius(radius_m: float, depth_m: float, view: View, min_scale_px: float) -> float:
    """Radius in pixels; limbs of far people keep a legible width (``min_scale_px`` pixels per metre)."""
    return radius_m * max(view.focal_px / depth_m, min_scale_px)


def figure_parts(
    figure: Figure, view: View, min_scale_px: float, fade: Callable[[float], float], theme: Theme = DARK
) -> list[Part]:
    """The shapes of one person.

    Args:
        figure: the person.
        view: where it is seen from.
        min_scale_px: least scale of limb widths, pixels per metre.
        fade: share of the background in the colours at a depth in metres (0 = none).
        theme: what is behind.
    """
    pixels, depth = view.project(figure.joints_m)
    head_px, head_depth = view.project(figure.head_m)
    ready = np.isfinite(depth)
    doubt = _doubt(figure.sigma_m)
    radius = [
        limb_radius(_JOINT_RADII[j], depth[j], view, min_scale_px) if ready[j] else 0.0 for j in range(len(depth))
    ]

    def colour(side: str, depth_m: float, joints: list[int]) -> Colour:
        clear = (1 - fade(depth_m)) * (1 - float(doubt[joints].max()))
        return mix(theme.background, theme.centre if side == "centre" else SIDE_COLOURS[side], clear)

    parts: list[Part] = []
    for a, b in H36M_17.edges:
        if not (ready[a] and ready[b]) or (a, b) == _SKULL:
            continue
        middle = float(depth[a] + depth[b]) / 2
        if (a, b) == _NECK and np.isfinite(head_depth):
            # The neck ends inside the head.
            middle = max(middle, float(head_depth) + 0.01)
        shape = canvas.Capsule(pixels[a], pixels[b], radius[a], radius[b])
        hollow = bool(figure.imputed[[a, b]].any())
        parts.append(Part(middle, _limb(shape, colour(H36M_17.bone_side(a, b), middle, [a, b]), hollow, theme)))
    if np.isfinite(head_depth):
        middle = float(head_depth)
        size = limb_radius(_HEAD_RADIUS, middle, view, min_scale_px)
        shape = canvas.Capsule(head_px, head_px, size, size)
        hollow = bool(figure.imputed[list(_SKULL)].any())
        parts.append(Part(middle, _limb(shape, colour("centre", middle, list(_SKULL)), hollow, theme)))
    for joint in np.flatnonzero(ready).tolist():
        sigma, middle = float(figure.sigma_m[joint]), float(depth[joint])
        halo = view.focal_px * sigma / middle if sigma > _HALO_FROM_M else 0.0
        tint = colour(H36M_17.side(joint), middle, [joint])
        # A joint lies inside its limbs: bring it to their surface, but not through the limb of somebody in front.
        if halo > 0:
            parts.append(Part(middle - 0.11, _halo(pixels[joint], halo, tint)))
        if joint in _BEADS:
            draw = _joint(pixels[joint], 0.5 * radius[joint], tint, bool(figure.imputed[joint]), theme)
            parts.append(Part(middle - 0.12, draw))
    return parts


def _doubt(sigma_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the background in the colour of joints that are not well known; none where nothing is said."""
    low, high = _DOUBT_M
    return 0.55 * np.clip((np.nan_to_num(sigma_m) - low) / (high - low), 0.0, 1.0)


def _limb(shape: canvas.Capsule, colour: Colour, hollow: bool, theme: Theme) -> Callable[[Image], None]:
    if hollow:
        layers = [
            canvas.Layer(theme.rim, grow=1.2),
            canvas.Layer(mix(colour, theme.background, 0.35)),
            canvas.Layer(mix(theme.background, colour, 0.12), scale=0.68),
        ]
    else:
        # Nested shapes, brighter and nearer to the light, read as a rounded surface.
        layers = [
            canvas.Layer(theme.rim, grow=1.2),
            canvas.Layer(mix(colour, theme.rim, 0.45)),
            canvas.Layer(mix(colour, theme.rim, 0.2), scale=0.84, lean=0.08),
            canvas.Layer(colour, scale=0.62, lean=0.18),
            canvas.Layer(mix(colour, _WHITE, 0.3), scale=0.28, lean=0.34),
        ]
    return lambda image: shape.fill(image, layers)


def _halo(centre: NDArray[np.float64], radius: float, colour: Colour) -> Callable[[Image], None]:
    return lambda image: canvas.soft_disc(image, centre, radius, colour, 0.3)


def _joint(
    centre: NDArray[np.float64], radius: float, colour: Colour, hollow: bool, theme: Theme
) -> Callable[[Image], None]:
    def draw(image: Image) -> None:
        if hollow:
            canvas.ring(image, centre, radius, mix(colour, theme.background, 0.2), max(1.0, 0.4 * radius))
        else:
            canvas.disc(image, centre, radius, mix(colour, _WHITE, 0.5))

    return draw
