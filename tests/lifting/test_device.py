"""Where to compute, on machines of all kinds."""

from __future__ import annotations

import pytest
import torch

from lifting.device import MATMUL, choose_device, matmul_dtype, mixed_precision


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Without any accelerator, and nobody chose an arithmetic, until told otherwise."""
    monkeypatch.delenv(MATMUL, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    return monkeypatch


def test_auto_takes_the_fastest_there_is(machine: pytest.MonkeyPatch) -> None:
    assert choose_device("auto").type == "cpu"
    machine.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto").type == "mps"
    machine.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == "cuda"
    assert choose_device("cpu").type == "cpu"


@pytest.mark.parametrize(("name", "message"), [("cuda", "not usable"), ("mps", "not usable"), ("tpu", "no device")])
def test_devices_that_are_not_there(machine: pytest.MonkeyPatch, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        choose_device(name)


@pytest.mark.parametrize(
    ("capabilities", "dtype"),
    [
        ({}, torch.float32),
        ({"avx512_bf16": False, "amx_bf16": False}, torch.float32),
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
    ],
)
def test_cpus_use_bfloat16_only_in_hardware(
    machine: pytest.MonkeyPatch, capabilities: dict[str, bool], dtype: torch.dtype
) -> None:
    machine.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert matmul_dtype(torch.device("cpu")) == dtype


def test_training_does_not_emulate_bfloat16(machine: pytest.MonkeyPatch) -> None:
    layer, x = torch.nn.Linear(8, 8), torch.zeros(2, 8)
    for able, dtype in (({"avx512_bf16": True}, torch.bfloat16), ({}, torch.float32)):
        machine.setattr(torch.cpu, "get_capabilities", lambda able=able: able)
        with mixed_precision(torch.device("cpu")):
            assert layer(x).dtype == dtype


@pytest.mark.parametrize(("bf16", "dtype"), [(True, torch.bfloat16), (False, torch.float16)])
def test_gpus(machine: pytest.MonkeyPatch, bf16: bool, dtype: torch.dtype) -> None:
    machine.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bf16 or including_emulation)
    assert matmul_dtype(torch.device("cuda")) == dtype
    assert matmul_dtype(torch.device("mps")) == torch.float16


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_the_arithmetic_can_be_chosen_on_every_machine(machine: pytest.MonkeyPatch, name: str) -> None:
    machine.setenv(MATMUL, name)
    for kind in ("cpu", "cuda", "mps"):
        assert matmul_dtype(torch.device(kind)) == getattr(torch, name)
    with mixed_precision(torch.device("cpu")):
        assert torch.nn.Linear(8, 8)(torch.zeros(2, 8)).dtype == getattr(torch, name)


def test_an_arithmetic_that_is_none_is_said_before_anything_is_computed(machine: pytest.MonkeyPatch) -> None:
    machine.setenv(MATMUL, "half")
    for asks in (lambda: choose_device("auto"), lambda: matmul_dtype(torch.device("cpu"))):
        with pytest.raises(ValueError, match="ZEDO_MATMUL must be float32 or bfloat16, not 'half'"):
            asks()
