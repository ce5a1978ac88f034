"""``zedo-video evaluate mocap --live``: sequences lifted frame by frame, from the past alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from detectors.layouts import H36M_17
from detectors.people import Person2D
from lifting.benchmarks.mocap import Outcome
from lifting.benchmarks.synthetic import SyntheticView
from lifting.live.lifter import LiveLifter

__all__ = ["lift_sequences_live"]


def lift_sequences_live(
    lifter: LiveLifter, views: Sequence[SyntheticView], on_frame: Callable[[], None] = lambda: None
) -> tuple[Outcome, Outcome]:
    """Every joint seen with confidence 1, as for the sequences that are lifted as tracks.

    Returns:
        The joints before and after the filter; the latter are what is displayed.
    """
    before, after, sigma = [], [], []
    began = time.perf_counter()
    for view in views:
        lifter.reset()
        poses = []
        for keypoints, moment in zip(view.keypoints_px.astype(np.float32), view.time_s, strict=True):
            box = np.concatenate([keypoints.min(axis=0), keypoints.max(axis=0)])
            person = Person2D(keypoints, np.ones(len(keypoints), np.float32), H36M_17.name, box, 1.0, track_id=1)
            poses.append(lifter.lift([person], float(moment), view.camera)[0])
            on_frame()
        before.append(np.stack([pose.raw_joints_m for pose in poses]))
        after.append(np.stack([pose.joints_m for pose in poses]))
        sigma.append(np.stack([pose.sigma_m for pose in poses]))
    seconds = time.perf_counter() - began
    names, truth, noise = tuple(view.name for view in views), [view.joints_m for view in views], views[0].noise_px
    return (
        Outcome("sequences, live, before the filter", noise, names, before, truth, None, seconds),
        Outcome("sequences, live", noise, names, after, truth, sigma, None),
    )
