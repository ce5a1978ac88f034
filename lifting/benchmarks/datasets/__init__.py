"""Benchmark data in the files that people have: one loader per file, all with the contract of ``PoseSet``.

A new data set is a file with a ``DATASET`` and a line in the table below.
"""

from __future__ import annotations

from lifting.benchmarks.datasets import h36m, mini_rgbd, mpi3dhp, pw3d, ski, syrip
from lifting.benchmarks.datasets.contract import Dataset, PoseSet

__all__ = ["DATASETS", "Dataset", "PoseSet"]

#: name -> data set.
DATASETS: dict[str, Dataset] = {
    module.DATASET.name: module.DATASET for module in (h36m, pw3d, mpi3dhp, ski, mini_rgbd, syrip)
}
