"""Arms, legs, and the neck with the head: two bones and the plane in which they bend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from lifting.skeleton.frames import frame, swing, turned, unit

__all__ = ["Limb", "bend", "reach"]

Array = NDArray[np.float64]

#: A joint bent by so much tells the plane as well as it can, degrees.
_BENT = 30.0
#: Frames within about this time share what they know of the plane, seconds.
_SHARED_S = 0.07
#: Weight of the plane between the nearest bent frames, where a joint is straight.
_CARRIED = 0.02
#: How much more the end of a limb is held in its place than its middle.
_END = 16.0


@dataclass(frozen=True)
class Limb:
    """Two bones in the T-pose.

    Attributes:
        bones: ``[2, 3]`` directions of both, length 1.
        hinge: ``[3]`` about which the second bends away from the first.
    """

    bones: Array
    hinge: Array


def bend(limb: Limb, parent: Array, first: Array, second: Array, time_s: Array) -> tuple[Array, Array]:
    """Global rotations of both bones, each ``[T, 3, 3]``, along directions of length 1, ``[T, 3]`` each.

    Both share the hinge: ``n = first x second``, where the joint is bent. Its angle ``phi`` about the first bone is
    measured from where the hinge of the T-pose is when the parent's rotation is continued by the smallest swing to the
    bone. ``exp(i phi)`` is averaged over frames nearby, each weighted by how much it is bent, and over the angle that a
    straight line between the last and the next bent frame gives, which is all that straight limbs know: they keep their
    plane and come to the next one steadily.

    Args:
        limb: the two bones.
        parent: ``[T, 3, 3]`` global rotation of what the limb hangs on.
        first, second: directions of both bones in the world.
        time_s: ``[T]``.
    """
    carried = swing(turned(parent, limb.bones[0]), first) @ parent
    zero = turned(carried, limb.hinge)
    normal = np.cross(first, second)
    sine = np.linalg.norm(normal, axis=1)
    phi = np.arctan2(np.einsum("ti,ti->t", normal, np.cross(first, zero)), np.einsum("ti,ti->t", normal, zero))
    weight = np.minimum(sine / np.sin(np.radians(_BENT)), 1.0) ** 2
    known = weight > 0.25
    between = np.zeros_like(phi)
    if known.any():
        between = np.interp(time_s, time_s[known], np.unwrap(phi[known]))
    step = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0
    told = weight * np.exp(1j * phi)
    sigma = _SHARED_S / max(step, 1e-3)
    shared = gaussian_filter1d(told.real, sigma) + 1j * gaussian_filter1d(told.imag, sigma)
    found = np.angle(shared + _CARRIED * np.exp(1j * between))
    hinge = np.cos(found)[:, None] * zero + np.sin(found)[:, None] * np.cross(first, zero)
    # The second bone turns about the same hinge as far as it can.
    return frame(limb.bones[0], limb.hinge, first, hinge), frame(limb.bones[1], limb.hinge, second, hinge)


def reach(origin: Array, middle: Array, end: Array, lengths: tuple[float, float]) -> tuple[Array, Array]:
    """Middle and end of a limb ``[T, 3]`` with bones of these lengths, near those that were found.

    The angle of the joint is a compromise between the angle found and the distance found, the end counting for more
    (two steps of Gauss and Newton): a straight limb that is a trace too short does not have to bend for it. Seen from
    the origin the end stays in its direction, and the middle in its plane.

    Args:
        origin: ``[T, 3]`` where the limb begins.
        middle, end: ``[T, 3]`` as found.
        lengths: of both bones, metres.
    """
    a, b = lengths
    whole = end - origin
    distance = np.linalg.norm(whole, axis=1)
    cosine = np.einsum("ti,ti->t", unit(middle - origin), unit(end - middle))
    found = np.arccos(np.clip(cosine, -1.0, 1.0))
    angle = found
    for _ in range(2):
        reached = np.sqrt(np.maximum(a * a + b * b + 2 * a * b * np.cos(angle), 1e-12))
        slope = -a * b * np.sin(angle) / reached
        gain = _END * slope * (distance - reached) - a * b * (angle - found)
        angle = np.clip(angle + gain / (_END * slope**2 + a * b), 0.0, np.pi - 0.02)
    reached = np.sqrt(np.maximum(a * a + b * b + 2 * a * b * np.cos(angle), 1e-12))
    direction = unit(whole)
    aside = middle - origin
    aside = unit(aside - np.einsum("ti,ti->t", aside, direction)[:, None] * direction)
    along = (a * a + reached**2 - b * b) / (2 * reached)
    height = np.sqrt(np.maximum(a * a - along**2, 0.0))
    return origin + along[:, None] * direction + height[:, None] * aside, origin + reached[:, None] * direction
