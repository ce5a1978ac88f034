"""What can be wrong with a configuration, its weights, or the way to them: one sentence each."""

from __future__ import annotations

__all__ = ["ModelError", "NotInstalled", "WeightsUnavailable"]


class ModelError(ValueError):
    """A model of MMPose or MMDet cannot be used."""


class NotInstalled(ModelError):
    """The extra ``mmpose`` is not installed, or not as a whole."""


class WeightsUnavailable(ModelError):
    """Weights are not on disk and could not be downloaded."""
