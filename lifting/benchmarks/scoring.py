"""Errors of S hypotheses of N poses, and the figures that are made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.benchmarks.datasets.contract import PoseSet
from lifting.benchmarks.statistics import Estimate, bootstrap_mean, bootstrap_mean_of_groups
from lifting.metrics import (
    acceleration_error,
    auc,
    best_of,
    bone_length_spread,
    centred,
    mpjpe,
    n_mpjpe,
    pa_mpjpe,
    pck,
)

__all__ = ["Figures", "chosen", "figures", "hypothesis_errors", "motion_figures", "oracle"]

#: Measures by name -> ``[S, N]`` or, of chosen hypotheses, ``[N]``; the unit is the end of the name.
Errors = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Figures:
    """What stands in one row of a table.

    Attributes:
        values: measures by name, with 95 % intervals.
        frame_means: the same measures averaged over all frames alike, where ``values`` are means of groups.
        groups: group -> measures by name.
    """

    values: dict[str, Estimate]
    frame_means: dict[str, float]
    groups: dict[str, dict[str, float]]


def hypothesis_errors(
    predicted: NDArray[np.floating], poses: PoseSet, rows: slice, judged: Sequence[int], *, reflection: bool
) -> Errors:
    """Every measure of every hypothesis, ``[S, n]`` each.

    Args:
        predicted: ``[S, n, J, 3]`` metres.
        poses: the truth.
        rows: which n of its poses these are.
        judged: joints that are averaged over. Roots and similarity alignment take all joints, as published for 3DPW.
        reflection: the similarity alignment may mirror.
    """
    truth = poses.truth_m[rows]
    return {
        "mpjpe_mm": mpjpe(predicted, truth, poses.root, judged) * 1000,
        "pa_mpjpe_mm": pa_mpjpe(predicted, truth, reflection, judged) * 1000,
        "n_mpjpe_mm": n_mpjpe(predicted, truth, poses.root, judged) * 1000,
        "pck150_percent": pck(predicted, truth, root=poses.root, joints=judged) * 100,
        "auc_percent": auc(predicted, truth, root=poses.root, joints=judged) * 100,
    }


def oracle(errors: Mapping[str, NDArray[np.float64]]) -> Errors:
    """The best of S by the truth, as published: each error by itself, PCK and AUC of the hypothesis of least MPJPE."""
    _, nearest = best_of(errors["mpjpe_mm"])
    return {
        name: best_of(values)[0] if name.endswith("_mm") else _taken(values, nearest) for name, values in errors.items()
    }


def chosen(errors: Mapping[str, NDArray[np.float64]], which: NDArray[np.integer]) -> Errors:
    """The measures of one hypothesis per pose, ``which [N]``."""
    return {name: _taken(values, which) for name, values in errors.items()}


def figures(errors: Errors, poses: PoseSet, group_wise: bool, rng: np.random.Generator) -> Figures:
    """Means with intervals; whole sequences are drawn together.

    Args:
        errors: ``[N]`` each.
        poses: what they are errors of.
        group_wise: the mean over groups of the means of each; otherwise over all frames. PCK and AUC are always means
            over frames, as their definition has it.
        rng: of the bootstrap draws.
    """
    names = sorted(set(poses.group))
    group = np.array([names.index(name) for name in poses.group])
    _, unit = np.unique(np.array(poses.sequence), return_inverse=True)
    values = {}
    for name, found in errors.items():
        if group_wise and name.endswith("_mm"):
            values[name] = bootstrap_mean_of_groups(
                [_units(found[group == g], unit[group == g]) for g in range(len(names))], rng
            )
        else:
            values[name] = bootstrap_mean(_units(found, unit), rng)
    return Figures(
        values,
        {name: float(found.mean()) for name, found in errors.items()},
        {
            label: {"poses": float((group == g).sum())}
            | {name: float(found[group == g].mean()) for name, found in errors.items()}
            for g, label in enumerate(names)
        },
    )


def motion_figures(predicted: NDArray[np.floating], poses: PoseSet, rng: np.random.Generator) -> dict[str, Estimate]:
    """Measures over time, where the frames of a sequence follow each other; empty where they do not.

    ``acceleration_error_mm`` of root-relative joints per frame squared, and ``bone_spread_mm``, the mean over bones of
    the standard deviation of their length within a sequence, which would be 0 for rigid bones.
    """
    if poses.frame is None:
        return {}
    bones = np.array(
        [[poses.joints.index(a), poses.joints.index(b)] for a, b in H36M_17.bones if {a, b} <= set(poses.joints)]
    )
    acceleration, spread = [], []
    sequence = np.array(poses.sequence)
    for name in sorted(set(poses.sequence)):
        rows = np.flatnonzero(sequence == name)
        rows = rows[np.argsort(poses.frame[rows], kind="stable")]
        for run in np.split(rows, np.flatnonzero(np.diff(poses.frame[rows]) != 1) + 1):
            if len(run) > 2:
                p, t = centred(predicted[run], poses.root), centred(poses.truth_m[run], poses.root)
                acceleration.append(acceleration_error(p, t) * 1000)
        if len(rows) > 2:
            spread.append(bone_length_spread(predicted[rows], bones).mean(keepdims=True) * 1000)
    found = {"acceleration_error_mm": acceleration, "bone_spread_mm": spread}
    return {name: bootstrap_mean(units, rng) for name, units in found.items() if units}


def _taken(values: NDArray[np.float64], which: NDArray[np.integer]) -> NDArray[np.float64]:
    return np.take_along_axis(values, which[None], axis=0)[0]


def _units(values: NDArray[np.float64], unit: NDArray[np.integer]) -> list[NDArray[np.float64]]:
    order = np.argsort(unit, kind="stable")
    return np.split(values[order], np.flatnonzero(np.diff(unit[order])) + 1)
