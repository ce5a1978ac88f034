"""How data sets are measured: the shipped protocols, published figures, and what makes two figures comparable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from assets.untrusted.texts import load_toml
from lifting.optimise.reference import PublishedIPO

__all__ = ["COMPARED", "Benchmark", "differences", "load_benchmark", "published_protocol"]

#: Fields of a protocol that must agree for two figures to be comparable -> what they are called in a table.
COMPARED = {
    "name": "data set",
    "evidence_2d": "2D",
    "camera": "K",
    "stride": "stride",
    "joints": "joints",
    "hypotheses": "S",
    "choice": "choice",
    "weights": "weights",
    "preset": "preset",
    "steps": "steps",
    "mirroring": "mirroring",
}


@dataclass(frozen=True)
class Benchmark:
    """The protocol of a data set, ``configs/<name>.toml``.

    Attributes:
        stride: every N-th frame is measured.
        ipo: how the published optimiser begins.
        published: figures that were published, each with what is known of its protocol.
    """

    stride: int
    ipo: PublishedIPO
    published: tuple[Mapping[str, Any], ...]


def load_benchmark(name: str) -> Benchmark:
    """The shipped protocol of a data set, by its name on the command line."""
    path = Path(str(files("configs"))) / f"{name.replace('-', '_')}.toml"
    record = load_toml(path)
    ipo: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in record["ipo"].items()
    }
    return Benchmark(record["stride"], PublishedIPO(**ipo), tuple(record.get("published", ())))


def published_protocol(figure: Mapping[str, Any], protocol: Mapping[str, Any], stride: int) -> dict[str, Any]:
    """The protocol of a published figure, in the fields of ours; a field that was not published is None.

    Args:
        figure: from ``Benchmark.published``.
        protocol: of our figures for the same data set.
        stride: of ``Benchmark``, which is the published one.
    """
    return {
        "name": protocol["name"],
        "evidence_2d": figure.get("keypoints"),
        "camera": protocol["camera"],
        "stride": stride,
        "joints": figure.get("joints"),
        "hypotheses": figure["hypotheses"],
        "choice": "oracle" if figure["hypotheses"] > 1 else "single",
        # The public code loads averaged weights and does not use them.
        "weights": "raw",
        "preset": "reference",
        "steps": 1000,
        # Its similarity alignment takes a reflection where that fits better.
        "mirroring": True,
    }


def differences(protocols: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """What each protocol does not share with the first one, in words; a field that is not known counts as different."""
    found = []
    for protocol in protocols:
        found.append(
            tuple(
                word
                for field, word in COMPARED.items()
                if protocol.get(field) is None or protocol.get(field) != protocols[0].get(field)
            )
        )
    return found
