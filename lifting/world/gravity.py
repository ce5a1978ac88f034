"""Up, from people and from how cameras are held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CAMERA_UP", "Gravity", "Leanings", "find_up", "settled"]

Array = NDArray[np.float64]

#: Up for a camera that is held level, in camera axes.
CAMERA_UP = np.array([0.0, -1.0, 0.0])
#: Cameras are held with a roll of about 0 and look down a little; spreads in radians.
_ROLL, _PITCH, _PITCH_MEAN = np.radians((3.0, 12.0, 6.0))
#: The error of a person that lasts: how they carry themselves.
_LASTING = np.radians(2.5)
#: Share of the guesses that are wrong altogether.
_STRAY = 0.05


@dataclass(frozen=True, eq=False)
class Leanings:
    """What the frames of one person tell of up.

    Attributes:
        up: ``[M, 3]`` unit vectors, in the axes of the shot.
        log_kappa: ``[M]`` logarithm of their concentration (von Mises-Fisher).
        weight: ``[M]`` how many independent guesses each is; frames that follow each other err together.
    """

    up: Array
    log_kappa: Array
    weight: Array


@dataclass(frozen=True, eq=False)
class Gravity:
    """Up, in the axes of a shot.

    Attributes:
        up: ``[3]`` unit vector.
        precision: ``[3, 3]`` inverse covariance of its error, 1/rad^2, across ``up``.
        source: "people", "camera" (nobody told, so the camera is taken to be level) or "given".
    """

    up: Array
    precision: Array
    source: str


def find_up(people: Sequence[Leanings], rotation: Array, given: Array | None = None) -> Gravity:
    """The direction that agrees best with all people, robustly, and with how cameras are held.

    Each guess of the network counts as a mixture of a von Mises-Fisher distribution about it and a uniform one; guesses
    that follow each other err together, and what a person leans to for good is not averaged out.

    Args:
        people: one for each, in the axes of the shot; may be empty.
        rotation: ``[F, 3, 3]`` from the camera axes of every frame to those of the shot: a camera that pans with no
            roll in any frame pans about up.
        given: ``[3]`` up, if it is known.
    """
    if given is not None:
        return Gravity(given / np.linalg.norm(given), np.eye(3) / np.radians(0.1) ** 2, "given")
    level, linear = _camera_prior(rotation)
    people = [person for person in people if len(person.up)]
    if not people:
        return Gravity(settled(CAMERA_UP, level, linear), level, "camera")
    kappa = [np.exp(person.log_kappa) for person in people]
    up = settled(
        CAMERA_UP, level, linear + sum(_pull(person, k, None) for person, k in zip(people, kappa, strict=True))
    )
    precision = level
    for _ in range(10):
        pulls = [_pull(person, k, up) for person, k in zip(people, kappa, strict=True)]
        up = settled(up, level, linear + sum(pulls))
        # The length of summed unit vectors, each times its precision, is the precision of their direction.
        precision = level + sum(float(np.linalg.norm(pull)) for pull in pulls) * np.eye(3)
    return Gravity(up, precision, "people")


def _pull(person: Leanings, kappa: Array, up: Array | None) -> Array:
    """Guesses summed, each times its precision, at most that of the error that lasts."""
    weight = kappa * person.weight
    if up is not None:
        near = np.log1p(-_STRAY) + np.log(kappa / (2 * np.pi)) - kappa * (1 - person.up @ up)
        weight = weight / (1 + np.exp(np.clip(np.log(_STRAY / (4 * np.pi)) - near, -50, 50)))
    total = (weight[:, None] * person.up).sum(0)
    length = float(np.linalg.norm(total))
    return np.asarray(total / (1 + length * _LASTING**2))


def _camera_prior(rotation: Array) -> tuple[Array, Array]:
    """Quadratic and linear part of the cost of an ``up`` for cameras held as people do."""
    right, forward = rotation[:, :, 0], rotation[:, :, 2]
    quadratic = np.einsum("fa,fb->ab", right, right) / _ROLL**2 + np.einsum("fa,fb->ab", forward, forward) / _PITCH**2
    # A camera that looks down sees up turned towards where it looks.
    linear = -np.sin(_PITCH_MEAN) * forward.sum(0) / _PITCH**2
    return quadratic / len(rotation), linear / len(rotation)


def settled(up: Array, quadratic: Array, linear: Array) -> Array:
    """The unit vector of least ``u' Q u / 2 - l' u`` near ``up`` (Gauss-Newton on the sphere)."""
    for _ in range(20):
        basis = np.linalg.svd(up[None])[2][1:].T
        gradient = basis.T @ (quadratic @ up - linear)
        bend = max(float(linear @ up - up @ quadratic @ up), 0.0)
        step = basis @ np.linalg.solve(basis.T @ quadratic @ basis + (bend + 1e-9) * np.eye(2), gradient)
        up = up - step * min(1.0, 0.5 / max(float(np.linalg.norm(step)), 1e-9))
        up = up / np.linalg.norm(up)
    return up
