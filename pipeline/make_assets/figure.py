"""The sample clip's person: body, clothes and face as a solid around the 17 joints of a pose."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from detectors.layouts import H36M_17
from pipeline.make_assets.solid import Packed, Solid, Vector, frame, unit

__all__ = ["figure"]


def figure(joints: ArrayLike) -> Packed:
    """Body, clothes and face around joints ``[17, 3]`` (H36M_17 order, metres, y up, floor at y = 0)."""
    points = dict(zip(H36M_17.joints, np.asarray(joints, dtype=np.float64), strict=True))
    pelvis, spine, thorax = points["pelvis"], points["spine"], points["thorax"]
    hips = frame(spine - pelvis, points["left_hip"] - points["right_hip"])
    chest = frame(thorax - spine, points["left_shoulder"] - points["right_shoulder"])
    solid = Solid()

    solid.start()
    wide = {"side": chest[0], "squeeze": (1.0, 0.66)}
    solid.cone(spine + 0.02 * chest[1], thorax - 0.095 * chest[1], 0.138, 0.158, "shirt", **wide)
    solid.cone(pelvis + 0.07 * hips[1], spine, 0.142, 0.132, "shirt", side=hips[0], squeeze=(1.0, 0.70), blend=0.08)
    solid.cone(
        spine - 0.1 * hips[1],
        pelvis - 0.09 * hips[1],
        0.138,
        0.184,
        "shirt",
        side=hips[0],
        squeeze=(1.0, 0.74),
        blend=0.06,
        cut=0.74,
    )
    # The mocap shoulder lies high and far out; the arm's flesh and cloth hang from a little further in and down.
    caps = {s: 0.91 * points[f"{s}_shoulder"] + 0.09 * thorax - 0.014 * chest[1] for s in ("left", "right")}
    for side, cap in caps.items():
        solid.cone(thorax - 0.045 * chest[1], cap, 0.057, 0.052, "shirt", blend=0.06)
        solid.cone(cap, points[f"{side}_elbow"], 0.054, 0.056, "shirt", blend=0.03, cut=0.60)
    for side, out in (("left", 0.25), ("right", -0.25)):
        arm(solid, caps[side], points[f"{side}_elbow"], points[f"{side}_wrist"], chest[2] + out * chest[0])

    solid.start()
    solid.ball(pelvis + 0.02 * hips[1] - 0.012 * hips[2], (0.152, 0.120, 0.112), hips, "trousers")
    for side in ("left", "right"):
        hip = points[f"{side}_hip"]
        leg(solid, hip, points[f"{side}_knee"], points[f"{side}_ankle"], hips, unit(pelvis - hip))
    head(solid, thorax, points["nose"], points["head_top"])
    return solid.pack()


def arm(solid: Solid, shoulder: Vector, elbow: Vector, wrist: Vector, thumb: Vector) -> None:
    """Bare arm and hand; the thumb points towards ``thumb``."""
    along = unit(wrist - elbow)
    hand = frame(along, thumb)
    solid.start()
    solid.cone(shoulder, elbow, 0.046, 0.037, "skin")
    solid.cone(elbow, elbow + 0.35 * (wrist - elbow), 0.037, 0.039, "skin", blend=0.03)
    solid.cone(elbow + 0.3 * (wrist - elbow), wrist, 0.039, 0.026, "skin", blend=0.02)
    solid.ball(wrist + 0.055 * along, (0.041, 0.058, 0.019), hand, "skin", blend=0.025)
    for i, length in enumerate((0.150, 0.168, 0.160, 0.138)):
        across = 0.028 - 0.0185 * i
        curl = 0.018 * (1 if thumb @ hand[0] > 0 else -1)
        solid.cone(
            wrist + 0.075 * along + across * hand[0],
            wrist + length * along + 1.1 * across * hand[0] + curl * hand[2],
            0.0105,
            0.0085,
            "skin",
            blend=0.008,
        )
    solid.cone(
        wrist + 0.03 * along + 0.026 * hand[0],
        wrist + 0.095 * along + 0.058 * hand[0],
        0.014,
        0.010,
        "skin",
        blend=0.015,
    )


def leg(solid: Solid, hip: Vector, knee: Vector, ankle: Vector, hips: Vector, inward: Vector) -> None:
    """Trouser leg, sock and shoe. No joint shows the toes: they point ahead, square to the shank, flat on the floor."""
    shank = unit(ankle - knee)
    solid.start()
    solid.cone(hip + 0.012 * inward, knee, 0.080, 0.058, "trousers")
    solid.cone(knee, ankle, 0.058, 0.051, "trousers", blend=0.008, cut=0.93)

    # The knee bends in the plane in which the foot points; a straight knee says little, so the hips have a say too.
    bend = knee - hip - ((knee - hip) @ shank) * shank
    ahead = hips[2] + 3.0 * bend / max(float(np.linalg.norm(knee - hip)), 1e-6)
    square = unit(ahead - (ahead @ shank) * shank)
    flat = unit([ahead[0], 0.0, ahead[2]])
    lifted = float(np.clip((ankle[1] - 0.10) / 0.14, 0, 1))
    toe = unit(flat + lifted**2 * (3 - 2 * lifted) * (square + 0.25 * shank - flat))
    foot = frame(toe, np.cross([0.0, 1.0, 0.0], toe))
    up = -foot[2] if foot[2, 1] < 0 else foot[2]
    solid.start()
    flatten = {"side": foot[0], "squeeze": (1.0, 0.36), "blend": 0.008}
    solid.cone(ankle - 0.038 * toe - 0.064 * up, ankle + 0.135 * toe - 0.067 * up, 0.041, 0.047, "sole", **flatten)
    solid.start()
    solid.cone(
        ankle - 0.036 * toe - 0.036 * up,
        ankle + 0.135 * toe - 0.052 * up,
        0.038,
        0.036,
        "shoe",
        side=foot[0],
        squeeze=(1.05, 0.9),
    )
    solid.cone(ankle - 0.012 * toe - 0.006 * up, ankle + 0.085 * toe - 0.046 * up, 0.040, 0.036, "shoe", blend=0.03)
    solid.start()
    solid.cone(ankle - 0.10 * shank, ankle, 0.037, 0.036, "sole")


def head(solid: Solid, thorax: Vector, nose: Vector, top: Vector) -> None:
    """Neck, head, face and hair."""
    up = unit(top - thorax)
    ahead = nose - (thorax + top) / 2
    axes = frame(up, np.cross(up, ahead))
    centre = top - 0.024 * up + 0.004 * axes[2]
    size = 0.97

    def at(x: float, y: float, z: float) -> Vector:
        return centre + size * np.array([x, y, z]) @ axes

    def ball(where: Vector, radii: tuple[float, float, float], material: str, blend: float = 0.02) -> None:
        solid.ball(where, (size * radii[0], size * radii[1], size * radii[2]), axes, material, size * blend)

    def cone(a: Vector, b: Vector, ra: float, rb: float, material: str, blend: float = 0.02) -> None:
        solid.cone(a, b, size * ra, size * rb, material, side=axes[0], blend=size * blend)

    solid.start()
    ball(at(0, 0, 0), (0.075, 0.098, 0.094), "skin")
    cone(at(0, -0.02, 0.028), at(0, -0.092, 0.056), 0.066, 0.032, "skin", blend=0.038)
    cone(at(0, 0.008, 0.090), at(0, -0.034, 0.107), 0.0075, 0.0127, "skin", blend=0.013)
    cone(thorax - 0.05 * up, at(0, -0.06, -0.022), 0.057, 0.052, "skin", blend=0.028)
    for x in (-1.0, 1.0):
        ball(at(0.077 * x, -0.016, -0.006), (0.010, 0.031, 0.018), "skin", blend=0.0075)
    solid.start()
    ball(at(0, 0.016, -0.013), (0.082, 0.100, 0.098), "hair")
    ball(at(0.012, 0.062, 0.036), (0.060, 0.045, 0.058), "hair", blend=0.028)
    ball(at(0, -0.035, -0.045), (0.068, 0.060, 0.055), "hair", blend=0.028)
    for x in (-1.0, 1.0):
        solid.start()
        ball(at(0.031 * x, -0.002, 0.0905), (0.0120, 0.0058, 0.0085), "eye")
        solid.start()
        ball(at(0.0325 * x, -0.002, 0.0953), (0.0050, 0.0056, 0.0050), "iris")
        solid.start()
        cone(at(0.017 * x, 0.017, 0.0970), at(0.045 * x, 0.016, 0.0830), 0.0036, 0.0028, "hair")
    solid.start()
    ball(at(0, -0.067, 0.0910), (0.021, 0.0055, 0.0060), "lip")
