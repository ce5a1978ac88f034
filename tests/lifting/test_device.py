"""Where to compute, on machines of all kinds."""

from __future__ import annotations

import pytest
import torch

from lifting.device import choose_device, matmul_dtype, mixed_precision


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Without any accelerator, until told otherwise."""
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
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], dtype: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert matmul_dtype(torch.device("cpu")) == dtype


def test_training_does_not_emulate_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = torch.nn.Linear(8, 8), torch.zeros(2, 8)
    for able, dtype in (({"avx512_bf16": True}, torch.bfloat16), ({}, torch.float32)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able)
        with mixed_precision(torch.device("cpu")):
            assert layer(x).dtype == dtype


@pytest.mark.parametrize(("bf16", "dtype"), [(True, torch.bfloat16), (False, torch.float16)])
def test_gpus(monkeypatch: pytest.MonkeyPatch, bf16: bool, dtype: torch.dtype) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bf16 or including_emulation)
    assert matmul_dtype(torch.device("cuda")) == dtype
    assert matmul_dtype(torch.device("mps")) == torch.float16
