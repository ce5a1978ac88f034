"""What files may ask for can be raised by whoever trusts them: for one command, or by the environment."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from assets.untrusted import LIMITS, UntrustedFileError, limits_in_force, raised
from assets.untrusted.arrays import load_npz
from assets.untrusted.hdf5 import load_hdf5
from assets.untrusted.images import check_pixels
from assets.untrusted.limits import LIMITS_VARIABLE
from assets.untrusted.pickles import load_pickle
from assets.untrusted.texts import load_json, load_toml, read_text
from tests.pipeline.command_line import refused, run


def members(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(LIMITS.members + 1):
            archive.writestr(f"{number}.txt", "")


def packed(path: Path) -> None:
    with path.open("wb") as stream:
        np.savez_compressed(stream, a=np.zeros(2**26 // 8 + 1))


def chunked(path: Path) -> None:
    with h5py.File(path, "w") as stored:
        stored.create_dataset("a", data=np.zeros(2**26 // 8 + 1), chunks=(2**23,), compression="gzip")


def values(path: Path) -> None:
    path.write_text("[" + "0," * LIMITS.values + "0]")


def long(path: Path) -> None:
    path.write_text("a = 1\n#" + "x" * LIMITS.toml_characters)


def large(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(LIMITS.text_bytes + 1)


def reached(path: Path) -> None:
    # Lists that share lists: 6 ** 9 values are reached, in some bytes.
    value: Any = [0] * 6
    for _ in range(8):
        value = [value] * 6
    path.write_bytes(pickle.dumps(value))


@pytest.mark.parametrize(
    ("write", "load"),
    [
        (members, load_npz),
        (packed, load_npz),
        (chunked, lambda path: load_hdf5(path, ["a"])),
        pytest.param(values, load_json, marks=pytest.mark.slow),
        (long, load_toml),
        pytest.param(large, read_text, marks=pytest.mark.slow),
        (reached, lambda path: load_pickle(path).resolved()),
        (lambda path: None, lambda path: check_pixels(path, LIMITS.pixels // 2 + 1, 2)),
    ],
)
def test_what_is_refused_says_how_it_is_allowed(
    write: Callable[[Path], None], load: Callable[[Path], Any], tmp_path: Path
) -> None:
    path = tmp_path / "x"
    write(path)
    with pytest.raises(UntrustedFileError, match="--limits"):
        load(path)
    with raised(3):
        load(path)
    with pytest.raises(UntrustedFileError, match="--limits"):
        load(path)


def test_all_but_the_depth_is_raised() -> None:
    with raised(2):
        with raised(5):
            assert limits_in_force().members == 5 * LIMITS.members
        larger = asdict(limits_in_force())
    assert larger == {name: most * (1 if name == "depth" else 2) for name, most in asdict(LIMITS).items()}
    assert {name: type(most) for name, most in larger.items()} == {n: type(m) for n, m in asdict(LIMITS).items()}
    assert limits_in_force() == LIMITS


@pytest.mark.parametrize("told", ["0", "-1", "1001", "nan", "1e3", "two", "1.5", "\x1b[31m"])
def test_what_is_no_number_of_times(told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(LIMITS_VARIABLE, told)
    with pytest.raises(UntrustedFileError, match="must be a whole number from 1 to 1000") as caught:
        limits_in_force()
    assert str(caught.value).isprintable()
    for words in (["evaluate", "compare", "r.json"], ["doctor"]):
        refused(run(*words, cwd=tmp_path), "ZEDO_LIMITS in the environment is")


def test_by_option_and_by_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = '{"protocol": {"name": "x"}, "per_group": [{"choice": "a", "metrics": {"mpjpe_mm": 1.0}}]}'
    (tmp_path / "r.json").write_text(record)
    monkeypatch.setattr("assets.untrusted.limits.LIMITS", type(LIMITS)(text_bytes=len(record) - 1))
    refused(run("evaluate", "compare", "r.json", cwd=tmp_path), "r.json has", "or raise the limits with --limits")
    assert run("evaluate", "compare", "r.json", "--limits", 2, cwd=tmp_path).returncode == 0
    # The next command is strict again.
    assert LIMITS_VARIABLE not in os.environ
    refused(run("evaluate", "compare", "r.json", cwd=tmp_path), "r.json has")
    monkeypatch.setenv(LIMITS_VARIABLE, "2")
    assert run("evaluate", "compare", "r.json", cwd=tmp_path).returncode == 0
    for wrong in (0, 1001, "nan"):
        done = run("evaluate", "compare", "r.json", "--limits", wrong, cwd=tmp_path)
        assert done.returncode == 2 and "--limits" in done.stderr and "Traceback" not in done.stderr
