"""Ready for a GPU without having one: a stand-in device on which nothing can be looked at.

Tensors of PyTorch's ``meta`` device have shapes, no values: reading one back (``item``, ``cpu``, ``numpy``, a branch, a
mask) raises. A dispatch mode notes every operation that touches this device and the CPU at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lifting.evidence import Evidence
from lifting.initial.learnt import GridInitialiser, Initialiser, LearntInitialiser
from lifting.initial.network import InitialNetwork
from lifting.optimise import reference as protocols
from lifting.optimise.fast import FastSolver
from lifting.optimise.loop import Constraint, State, optimise
from lifting.optimise.reference import PublishedIPO, ReferenceSolver
from lifting.optimise.schedule import fast_schedule
from lifting.prior.network import FoldedScoreNetwork, ScoreNetwork
from lifting.temporal.kernel import TorchKernel
from lifting.temporal.neighbours import NeighbourRows

ROWS = 6
THERE = torch.device("meta")


class Watch(TorchDispatchMode):
    """Counts what is carried to the device and refuses any other mixture, and double precision (MPS has none)."""

    def __init__(self) -> None:
        super().__init__()
        self.carried = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        given, made = ([v for v in tree_leaves(tree) if isinstance(v, Tensor)] for tree in ((args, kwargs), result))
        carrying = func is torch.ops.aten._to_copy.default and made[0].device == THERE
        # a number that lies on the CPU as a tensor is handed over with the call
        homes = {value.device.type for value in given + made if value.ndim or value.device == THERE}
        if len(homes) > 1:
            assert carrying, f"{func} mixes {sorted(homes)}"
            self.carried += 1
        assert all(value.dtype != torch.float64 for value in made if value.device == THERE), f"{func} in float64"
        return result


Case = tuple[ScoreNetwork, Evidence, Tensor]


@pytest.fixture
def case() -> Case:
    with THERE:
        network = ScoreNetwork(hidden=64, embed=16).requires_grad_(False)
        group = torch.zeros(ROWS, dtype=torch.int64)
        kernel = TorchKernel(torch.zeros(ROWS, 3, dtype=torch.int64), torch.rand(ROWS, 3))
        evidence = Evidence(torch.rand(ROWS, 17, 3), torch.rand(ROWS, 17), group, 2, kernel=kernel)
        return network, evidence, torch.rand(1, 17, 3)


def fast(case: Case, steps: int, begin: Initialiser | None = None) -> Tensor:
    network, evidence, poses = case
    bones, noise = torch.rand(16, device=THERE), torch.rand(2, 8, 17, 3, device=THERE)
    begin = GridInitialiser(poses) if begin is None else begin
    solver = FastSolver(network, fast_schedule(steps), begin, bones, 2, 0.4, noise, torch.bfloat16)
    return solver.solve(evidence).X


def learnt(case: Case, steps: int) -> Tensor:
    with THERE:
        network = InitialNetwork(frames=3, hidden=64).calculating_in(torch.bfloat16).requires_grad_(False)
        rows, present = torch.zeros(ROWS, 3, dtype=torch.int64), torch.ones(ROWS, 3, dtype=torch.bool)
        seen = replace(case[1], neighbours=NeighbourRows(rows, rows, torch.rand(ROWS, 3), present))
    return fast((case[0], seen, case[2]), steps, LearntInitialiser(network))


def reference(case: Case, steps: int) -> Tensor:
    network, evidence, poses = case
    return ReferenceSolver(network, PublishedIPO(), poses[0], steps).solve(evidence).X


@pytest.fixture(autouse=True)
def few_adam_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "adam_ipo", partial(protocols.adam_ipo, steps=3))


@pytest.mark.slow
@pytest.mark.parametrize("run", [fast, learnt, reference])
def test_everything_happens_on_the_device(run: Callable[[Case, int], Tensor], case: Case) -> None:
    carried = []
    run(case, 4)  # what is brought once and for all, is
    for steps in (4, 8):
        with Watch() as watch:
            X = run(case, steps)
        assert X.device == THERE and X.dtype == torch.float32 and X.shape == (ROWS, 17, 3)
        carried.append(watch.carried)
    # the schedule is brought once; nothing is, step by step
    assert carried[0] == carried[1] < 10


def peeking(x: Tensor, step: int) -> Tensor:
    return x * x.mean().item()


def branching(x: Tensor, step: int) -> Tensor:
    return x if x.mean() > 0 else -x


def masking(x: Tensor, step: int) -> Tensor:
    x[x > 1] = x[x > 1] / 2
    return x


def leaving(x: Tensor, step: int) -> Tensor:
    return x.cpu().to(x.device)


def listing(x: Tensor, step: int) -> Tensor:
    return torch.tensor(x.tolist(), device=x.device)


def elsewhere(x: Tensor, step: int) -> Tensor:
    return torch.einsum("ij,bjd->bid", torch.eye(17), x)


def indexing(x: Tensor, step: int) -> Tensor:
    return x[torch.arange(len(x))]


def doubling(x: Tensor, step: int) -> Tensor:
    return x.double().float()


def run_loop(case: Case, steps: int, constraint: Constraint) -> None:
    network, evidence, poses = case
    begin = State(poses.expand(ROWS, -1, -1), torch.rand(ROWS, 3, device=THERE))
    schedule = fast_schedule(steps)
    optimise(FoldedScoreNetwork(network, schedule.times, torch.float32), schedule, begin, evidence, [constraint])


@pytest.mark.parametrize("fault", [peeking, branching, masking, leaving, listing, elsewhere, indexing, doubling])
def test_the_watch_sees_faults(fault: Constraint, case: Case) -> None:
    with Watch(), pytest.raises((RuntimeError, NotImplementedError, AssertionError)):
        run_loop(case, 2, fault)


def test_the_watch_counts_what_is_carried_in_the_loop(case: Case) -> None:
    offset = torch.zeros(3)
    carried = []
    for steps in (4, 8):
        with Watch() as watch:
            run_loop(case, steps, lambda x, step: x + offset.to(x.device))
        carried.append(watch.carried)
    assert carried == [5, 9]
