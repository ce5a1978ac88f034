"""The result as arrays (``docs/result-file.md``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.layouts import H36M_17
from lifting.tracks import Track3D
from pipeline.results.exporters import Exporter
from pipeline.results.result import Result
from pipeline.results.schema import ROW_FIELDS, world_arrays

__all__ = ["NpzExporter"]


class NpzExporter(Exporter):
    """Compressed arrays, without pickles; ``load_result`` reads them."""

    def write(self, path: Path, result: Result) -> None:
        """See ``Exporter``."""
        rows: dict[str, NDArray[Any]] = {}
        for name, column in ROW_FIELDS.items():
            parts = [_column(track, name).astype(column.dtype, copy=False) for track in result.tracks]
            rows[name] = np.concatenate(parts) if parts else np.zeros((0, *column.shape), column.dtype)
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                allow_pickle=False,
                **rows,
                K=np.asarray(result.camera.K, dtype=np.float64),
                distortion=np.asarray(result.camera.distortion, dtype=np.float64),
                image_size=np.array(result.camera.image_size, dtype=np.int64),
                joint_names=np.array(H36M_17.joints),
                **world_arrays(result.world),
                metadata=np.array(json.dumps(result.record(), allow_nan=False, ensure_ascii=False)),
            )


def _column(track: Track3D, name: str) -> NDArray[Any]:
    if name == "track_id":
        return np.full(len(track), track.track_id, dtype=np.int64)
    column: NDArray[Any] = getattr(track, name)
    return column
