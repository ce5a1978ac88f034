"""The people of a result in 2D, so that they can be lifted again without the video (``--keypoints``)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from detectors.keypoint_files.own import FORMAT, VERSION
from detectors.layouts import H36M_17
from pipeline.results.exporters import Exporter
from pipeline.results.result import Result

__all__ = ["PeopleExporter"]


class PeopleExporter(Exporter):
    """JSON with one person of a frame in each line: id, frame, time, box, and x, y, confidence of the 17 joints."""

    def write(self, path: Path, result: Result) -> None:
        """See ``Exporter``."""
        video = result.metadata.get("video")
        header = {
            "format": FORMAT,
            "version": VERSION,
            "layout": H36M_17.name,
            "joint_names": list(H36M_17.joints),
            "image_size": list(result.camera.image_size),
            "fps": video.get("fps") if isinstance(video, dict) else None,
        }
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(header, allow_nan=False, indent=1).removesuffix("\n}"))
            file.write(',\n "people": [')
            separator = "\n"
            for track in result.tracks:
                there = np.isfinite(track.confidence).all(axis=1) & (track.confidence > 0).any(axis=1)
                for row in np.flatnonzero(there).tolist():
                    place = np.nan_to_num(track.keypoints_px[row])
                    entry = {
                        "id": track.track_id,
                        "frame": int(track.frame_index[row]),
                        "time_s": round(float(track.time_s[row]), 6),
                        "box": np.round(np.nan_to_num(track.boxes[row]), 2).tolist(),
                        "keypoints": np.column_stack([np.round(place, 3), np.round(track.confidence[row], 4)])
                        .ravel()
                        .tolist(),
                    }
                    file.write(separator + json.dumps(entry, allow_nan=False, separators=(",", ":")))
                    separator = ",\n"
            file.write("\n]}\n")
