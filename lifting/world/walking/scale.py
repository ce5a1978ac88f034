"""How far a moving camera went: its path is known but for its unit, and people have the size of people.

A person is put before the camera by their size; where the camera was then decides where in the world a resting foot is,
and it must be in one place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lifting.body.joints import ANKLES
from lifting.world.walking.path import PathProblem, Sighting, ray_path

__all__ = ["first_scale", "scale_by_feet"]

Array = NDArray[np.float64]

#: Cameras go at most so fast on average, m/s.
_FASTEST = 12.0
#: People must be seen for so long that a scale can be told, seconds.
_LEAST_S = 0.5


def first_scale(people: Sequence[Sighting]) -> float | None:
    """Metres in a unit of the camera's path, or None if nobody is seen for long enough.

    That of which the slower foot of each person is slowest on average: somebody who stands or walks has one foot on the
    ground.

    Args:
        people: with camera centres in the unknown unit and ``x`` in metres.
    """
    moving, standing, weight = [], [], []
    for seen in people:
        if seen.time_s[-1] - seen.time_s[0] < _LEAST_S:
            continue
        # Rays alone place a person relative to the camera, smoothly, whatever its path.
        still = Sighting(seen.x, seen.distance, seen.directions, 0 * seen.centre, seen.confidence, seen.time_s)
        feet = seen.x[:, ANKLES] + ray_path(still).solve()[0][:, None]
        step = np.diff(seen.time_s)
        moving.append(np.diff(feet, axis=0) / step[:, None, None])
        standing.append(np.diff(seen.centre, axis=0) / step[:, None])
        weight.append(step)
    if not moving:
        return None
    of_feet, of_camera, steps = np.concatenate(moving), np.concatenate(standing), np.concatenate(weight)
    mean = float((np.linalg.norm(of_camera, axis=1) * steps).sum() / steps.sum())
    if mean < 1e-9:
        return None
    candidates = np.geomspace(1e-4, 1.0, 120) * _FASTEST / mean
    slip = [
        float((np.linalg.norm(of_feet + scale * of_camera[:, None], axis=-1).min(axis=1) * steps).sum())
        for scale in candidates
    ]
    return float(candidates[int(np.argmin(slip))])


def scale_by_feet(people: Sequence[Sighting], feet: Sequence[tuple[Array, Array]], scale: float) -> float:
    """A better scale, by least squares of everybody's rays, accelerations and feet together.

    Their cost is a parabola in the scale, so three values of it tell the minimum.

    Args:
        people: see ``first_scale``.
        feet: velocities ``[N, 2, 3]`` of the ankles of each, and their errors ``[N, 2]``, m/s.
        scale: to begin with, above 0.
    """
    values = scale * np.array([0.8, 1.0, 1.2])
    costs = [sum(_cost(seen, own, value) for seen, own in zip(people, feet, strict=True)) for value in values]
    a, b, _ = np.polyfit(values, costs, 2)
    if a <= 0:
        return scale
    return float(np.clip(-b / (2 * a), 0.3 * scale, 3 * scale))


def _cost(seen: Sighting, feet: tuple[Array, Array], scale: float) -> float:
    scaled = Sighting(seen.x, seen.distance, seen.directions, scale * seen.centre, seen.confidence, seen.time_s)
    problem: PathProblem = ray_path(scaled)
    problem.stepping(*feet)
    return problem.solve()[2]
