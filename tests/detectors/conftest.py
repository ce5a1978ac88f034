from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from detectors.layouts import COCO_17
from detectors.people import Person2D

# A standing person seen from the front, in body heights: x from the middle, y from the soles, up. COCO-17 order.
_STANDING = np.array([
    (0.0, 0.92), (0.02, 0.94), (-0.02, 0.94), (0.04, 0.93), (-0.04, 0.93),
    (0.11, 0.81), (-0.11, 0.81), (0.14, 0.62), (-0.14, 0.62), (0.15, 0.47), (-0.15, 0.47),
    (0.07, 0.52), (-0.07, 0.52), (0.08, 0.28), (-0.08, 0.28), (0.08, 0.04), (-0.08, 0.04),
])  # fmt: skip


@pytest.fixture(scope="session")
def standing() -> Callable[..., Person2D]:
    """Factory of people: ``standing(x, y, height)`` has its soles at pixel (x, y)."""

    def make(
        x: float = 300.0, y: float = 450.0, height: float = 400.0, score: float = 0.7, lean_deg: float = 0.0
    ) -> Person2D:
        angle = np.radians(lean_deg)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        keypoints = (_STANDING * (height, -height)) @ turn.T + (x, y)
        low, high = keypoints.min(axis=0), keypoints.max(axis=0)
        margin = 0.08 * height
        return Person2D(
            keypoints.astype(np.float32),
            np.full(len(COCO_17), score, np.float32),
            COCO_17.name,
            np.concatenate([low - margin, high + margin]).astype(np.float32),
            score,
        )

    return make
