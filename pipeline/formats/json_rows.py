"""The result as text: the same fields as in the arrays (``docs/result-file.md``)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detectors.layouts import H36M_17
from lifting.tracks import Track3D
from pipeline.results.exporters import Exporter
from pipeline.results.result import Result
from pipeline.results.schema import ROW_FIELDS, world_arrays

__all__ = ["JsonExporter"]


class JsonExporter(Exporter):
    """Strict JSON, one person and frame per line; NaN becomes null.

    Rows are written one by one, so that the text is never in memory as a whole.
    """

    def write(self, path: Path, result: Result) -> None:
        """See ``Exporter``."""
        header = {
            "metadata": result.record(),
            "K": np.asarray(result.camera.K).tolist(),
            "distortion": np.asarray(result.camera.distortion).tolist(),
            "image_size": list(result.camera.image_size),
            "joint_names": list(H36M_17.joints),
            **{name: _plain(values, 6) for name, values in world_arrays(result.world).items()},
            "fields": {
                name: {
                    "shape": list(column.shape),
                    "type": column.dtype,
                    "unit": column.unit,
                    "meaning": column.description,
                }
                for name, column in ROW_FIELDS.items()
            },
        }
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(header, allow_nan=False, ensure_ascii=False, indent=1).removesuffix("\n}"))
            file.write(',\n "rows": [')
            separator = "\n"
            for row in _rows(result.tracks):
                file.write(separator + json.dumps(row, allow_nan=False, separators=(",", ":")))
                separator = ",\n"
            file.write("\n]}\n")


def _rows(tracks: Sequence[Track3D]) -> Iterator[dict[str, Any]]:
    for track in tracks:
        for i in range(len(track)):
            yield {
                name: track.track_id if name == "track_id" else _plain(getattr(track, name)[i], column.decimals)
                for name, column in ROW_FIELDS.items()
            }


def _plain(values: Any, decimals: int) -> Any:
    """Numbers for JSON: rounded to what is meaningful, null where they are not finite."""
    array = np.asarray(values)
    if array.dtype.kind != "f":
        return array.tolist()
    rounded = np.round(array, decimals)
    finite = np.isfinite(rounded)
    if finite.all():
        return rounded.tolist()
    holes = rounded.astype(object)
    holes[~finite] = None
    return holes.tolist()
