"""One case of ``zedo-video bench`` in a process of its own, so that its peak memory is its own.

Reads a ``Case`` as JSON from the command line, writes a ``Timing`` as JSON to standard output.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.machine import peak_memory_bytes, reset_peak_memory

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from lifting.lifter import Lifter
    from lifting.prior.network import ScoreNetwork

__all__ = ["Case", "Timing", "dense_flops", "matmul_rate", "measure"]

_MATMUL_S = 0.05  # length of one measurement of the matmul rate
_REPEATS = 5


@dataclass(frozen=True)
class Case:
    """What to measure: ``batch`` independent poses lifted in one go, repeated until ``least_s`` seconds or 5 times."""

    preset: str
    batch: int
    prior: str | None
    device: str | None
    least_s: float


@dataclass(frozen=True)
class Timing:
    """What was measured.

    Attributes:
        dtype: of the matrix products.
        seconds: of every repetition, whole batch.
        gflop_per_pose: arithmetic that the dense layers need.
        matmul_gflops: rate of these matrix products alone, same shapes and dtype, same process, in 1e9 per second.
        peak_mb: highest resident memory, 1e6 bytes (``pipeline.machine.PEAK_METHOD``); None where nothing tells.
        device_peak_mb: highest memory allocated on a CUDA device; None elsewhere.
    """

    dtype: str
    seconds: tuple[float, ...]
    gflop_per_pose: float
    matmul_gflops: float
    peak_mb: float | None
    device_peak_mb: float | None


def dense_flops(network: ScoreNetwork) -> int:
    """Floating point operations of the dense layers for one pose and one evaluation: 2 per weight.

    Time layers are not counted: for a fixed schedule they depend on the step alone.
    """
    return 2 * sum(weight.numel() for weight in _weights(network))


def matmul_rate(network: ScoreNetwork, batch: int, dtype: torch.dtype, device: torch.device) -> float:
    """Operations per second of the dense layers' matrix products and nothing else, the best of several runs."""
    import torch
    import torch.nn.functional as F

    weights = [weight.detach().to(device, dtype) for weight in _weights(network)]
    x = torch.randn(batch, weights[0].shape[1]).to(device, dtype)

    def once() -> None:
        h = F.linear(x, weights[0])
        for weight in weights[1:-1]:
            F.linear(h, weight)
        F.linear(h, weights[-1])

    with torch.inference_mode():
        once()
        seconds = _timed(once, device)
        count = max(1, round(_MATMUL_S / max(seconds, 1e-6)))

        def several() -> None:
            for _ in range(count):
                once()

        best = min(_timed(several, device) / count for _ in range(_REPEATS))
    return dense_flops(network) * batch / best


def measure(case: Case) -> Timing:
    """Lift a batch repeatedly; see ``Timing``. Raises InputError if the prior or the device cannot be used."""
    import numpy as np
    import torch

    from lifting.settings import LiftSettings
    from pipeline.load import load_lifter
    from pipeline.settings import load_settings

    given = {"preset": case.preset, "prior": case.prior and Path(case.prior), "device": case.device}
    # A window as long as the batch: the rows are optimised together.
    window = max(case.batch, LiftSettings.window)
    lifter, prior = load_lifter(load_settings(None, given), window=window)
    device = lifter.device
    dtype = getattr(torch, lifter.describe()["matrix_products_in"])
    rays = _sample_rays(case.batch)
    sure = np.ones(rays.shape[:2])
    # Two steps make every allocation and start every thread that the many steps will use.
    load_lifter(load_settings(None, {**given, "steps": 2}), window=window)[0].lift_rows(rays, sure, None)
    rate = matmul_rate(prior.network, case.batch, dtype, device)
    reset_peak_memory()
    seconds: list[float] = []
    while not seconds or (sum(seconds) < case.least_s and len(seconds) < _REPEATS):
        seconds.append(_lift_seconds(lifter, rays, sure))
    peak = peak_memory_bytes()
    # Once before and once after: other programs come and go.
    rate = max(rate, matmul_rate(prior.network, case.batch, dtype, device))
    evaluations = lifter.solver.steps * lifter.solver.alternatives
    return Timing(
        dtype=str(dtype).removeprefix("torch."),
        seconds=tuple(seconds),
        gflop_per_pose=dense_flops(prior.network) * evaluations / 1e9,
        matmul_gflops=rate / 1e9,
        peak_mb=None if peak is None else peak / 1e6,
        device_peak_mb=torch.cuda.max_memory_allocated(device) / 1e6 if device.type == "cuda" else None,
    )


def _lift_seconds(lifter: Lifter, rays: NDArray[np.float64], sure: NDArray[np.float64]) -> float:
    began = time.perf_counter()
    lifter.lift_rows(rays, sure, None)
    return time.perf_counter() - began


def _sample_rays(batch: int) -> NDArray[np.float64]:
    """``[batch, 17, 3]`` of the shipped clip, its frames over and over: the time does not depend on the poses."""
    import numpy as np

    from assets.integrity import asset_path
    from assets.untrusted.arrays import load_npz
    from lifting.geometry.camera import Camera

    stored = load_npz(asset_path("sample_truth.npz"))
    width, height = stored["image_size"].tolist()
    rays = Camera(stored["K"], (width, height), "sample clip").rays(stored["keypoints_px"])
    return np.resize(rays, (batch, *rays.shape[1:]))


def _weights(network: ScoreNetwork) -> list[torch.Tensor]:
    return [dense.weight for dense, _, _ in network.stages()] + [network.post_dense.weight]


def _timed(work: Callable[[], object], device: torch.device) -> float:
    import torch

    began = time.perf_counter()
    work()
    if device.type != "cpu":
        torch.accelerator.synchronize()
    return time.perf_counter() - began


if __name__ == "__main__":
    from pipeline.errors import UserError

    try:
        sys.stdout.write(json.dumps(asdict(measure(Case(**json.loads(sys.argv[1]))))))
    except UserError as error:
        sys.exit(str(error))
