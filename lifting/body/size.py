"""How large people are: nothing in a picture tells, so the size comes from a height or from an average body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifting.body.skeleton import bone_lengths, stature

__all__ = ["BodySize"]


@dataclass(frozen=True)
class BodySize:
    """What poses are scaled to, about the camera, which keeps the picture.

    Attributes:
        bones_m: sum of the 16 bone lengths.
        height_m: standing height, which counts in place of it; None if it is not known.
    """

    bones_m: float
    height_m: float | None = None

    def each(self, joints: NDArray[np.float64]) -> NDArray[np.float64]:
        """Poses ``[..., 17, 3]`` of this size, one by one."""
        return np.asarray(joints * self._factor(self._sizes(joints))[..., None, None])

    def together(self, joints: NDArray[np.float64], confidence: NDArray[np.float64]) -> NDArray[np.float64]:
        """Poses ``[T, 17, 3]`` of one person, all by the same factor; confidence ``[T, 17]``."""
        # The frames that show the whole body know best how large it is.
        seen = confidence.sum(axis=1)
        return np.asarray(joints * self._factor(np.median(self._sizes(joints)[seen >= np.quantile(seen, 0.25)])))

    def _sizes(self, joints: NDArray[np.float64]) -> NDArray[np.float64]:
        return bone_lengths(joints).sum(axis=-1) if self.height_m is None else stature(joints)

    def _factor(self, sizes: NDArray[np.float64] | np.floating) -> NDArray[np.float64]:
        return np.asarray((self.bones_m if self.height_m is None else self.height_m) / sizes)
