"""Weights from the net and from files that nobody vouches for; no extra is needed for this."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from urllib.error import HTTPError, URLError

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from detectors.openmmlab import cache
from detectors.openmmlab.cache import cache_folder, download, find_weights
from detectors.openmmlab.checkpoints import read_weights
from detectors.openmmlab.errors import ModelError, WeightsUnavailable
from detectors.options import silent

CONTENT = b"weights" * 500_000  # more than three blocks
URL = f"https://example.org/models/net-{hashlib.sha256(CONTENT).hexdigest()[:8]}_20230605.pth"


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZEDO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def answers(monkeypatch: pytest.MonkeyPatch, content: bytes | Exception) -> list[float]:
    """Let the net answer so; the time-outs it was asked with."""
    asked: list[float] = []

    def urlopen(url: str, timeout: float) -> Any:
        asked.append(timeout)
        if isinstance(content, Exception):
            raise content
        stream = io.BytesIO(content)
        stream.headers = {"Content-Length": str(len(content))}  # type: ignore[attr-defined]
        return stream

    monkeypatch.setattr(cache, "urlopen", urlopen)
    return asked


def test_a_download_is_checked_named_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answers(monkeypatch, CONTENT)
    told: list[Any] = []

    @contextmanager
    def stage(name: str, total: int | None, unit: str) -> Any:
        told.append((name, total, unit))
        yield told.append

    path = download(URL, stage, offline=False)
    assert path.read_bytes() == CONTENT and path.name == URL.rpartition("/")[2]
    assert told == [("download", 4, "MB"), 1, 2, 3, 4]
    assert download(URL, silent, offline=True) == path == find_weights(URL)
    assert asked == [5.0]


def test_a_damaged_download_is_refused_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, CONTENT[:-1])
    with pytest.raises(WeightsUnavailable, match="was not received whole"):
        download(URL, silent, offline=False)
    assert list((cache_folder() / "weights").iterdir()) == []


def test_a_file_damaged_in_the_cache_is_downloaded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, CONTENT)
    path = download(URL, silent, offline=False)
    path.write_bytes(b"damaged")
    assert find_weights(URL) is None
    assert download(URL, silent, offline=False).read_bytes() == CONTENT


def test_what_mmpose_downloaded_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / URL.rpartition("/")[2]).write_bytes(CONTENT)
    assert download(URL, silent, offline=True) == folder / URL.rpartition("/")[2]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (URLError("Name or service not known"), "there is no connection"),
        (TimeoutError("timed out"), "there is no connection"),
        (HTTPError(URL, 404, "Not Found", SimpleNamespace(), None), "the server says 404"),  # type: ignore[arg-type]
    ],
)
def test_without_network_the_sentence_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    answers(monkeypatch, error)
    with pytest.raises(WeightsUnavailable, match=f"is not on disk and {words}; download https://example") as caught:
        download(URL, silent, offline=False)
    assert str(cache_folder()) in str(caught.value)


def test_offline_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answers(monkeypatch, CONTENT)
    with pytest.raises(WeightsUnavailable, match="leave out --offline"):
        download(URL, silent, offline=True)
    assert asked == []


@pytest.mark.parametrize("url", ["https://example.org/net.pth", URL.replace("https", "http"), "file:///etc/net.pth"])
def test_addresses_that_cannot_be_checked_are_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    asked = answers(monkeypatch, CONTENT)
    with pytest.raises(WeightsUnavailable, match="cannot be checked"):
        download(url, silent, offline=False)
    assert asked == []


class TestCheckpoints:
    WEIGHTS: ClassVar = {"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.bias": torch.ones(2).half()}

    def same(self, path: Path) -> None:
        found = read_weights(path)
        assert found.keys() == self.WEIGHTS.keys()
        assert all(torch.equal(found[name], value) for name, value in self.WEIGHTS.items())

    def test_formats(self, tmp_path: Path) -> None:
        torch.save(self.WEIGHTS, tmp_path / "plain.pth")
        torch.save({"state_dict": {f"module.{k}": v for k, v in self.WEIGHTS.items()}}, tmp_path / "wrapped.pth")
        meta = {"epoch": np.int64(3), "sigmas": np.ones(17), "name": np.str_("coco"), "list": [np.float32(0.5)]}
        torch.save({"meta": meta, "state_dict": self.WEIGHTS}, tmp_path / "numpy.pth")
        torch.save({"state_dict": self.WEIGHTS}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
        save_file(self.WEIGHTS, tmp_path / "s.safetensors")
        for path in tmp_path.iterdir():
            self.same(path)

    @pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
    @pytest.mark.parametrize("call", [os.system, eval, Path], ids=["system", "eval", "path"])
    def test_no_code_of_a_file_runs(self, tmp_path: Path, call: Any, legacy: bool) -> None:
        mark = tmp_path / "ran"

        class Bomb:
            def __reduce__(self) -> Any:
                return call, (f"touch {mark}" if call is os.system else f"open({str(mark)!r}, 'w')",)

        file = tmp_path / "b.pth"
        torch.save({"state_dict": self.WEIGHTS, "meta": Bomb()}, file, _use_new_zipfile_serialization=not legacy)
        with pytest.raises(
            ModelError, match=r"b\.pth (is damaged or no checkpoint|holds more than plain tensors and would run code)"
        ):
            read_weights(file)
        assert not mark.exists()

    def test_names_that_are_read_give_nothing_that_can_be_called(self, tmp_path: Path) -> None:
        torch.save(self.WEIGHTS, tmp_path / "w.pth")
        mark = tmp_path / "ran"
        # getattr(numpy.ndarray, "tofile")(mark), by hand: both names are among those that are read as nothing
        program = b"\x80\x02c__builtin__\ngetattr\ncnumpy\nndarray\nX\x06\0\0\0tofile\x86R"
        text = str(mark).encode()
        program += b"X" + len(text).to_bytes(4, "little") + text + b"\x85R."
        with zipfile.ZipFile(tmp_path / "w.pth") as old, zipfile.ZipFile(tmp_path / "b.pth", "w") as new:
            for name in old.namelist():
                new.writestr(name, program if name.endswith("data.pkl") else old.read(name))
        with pytest.raises(ModelError, match="would run code"):
            read_weights(tmp_path / "b.pth")
        assert not mark.exists()

    def test_what_is_read_beside_weights_is_inert(self, tmp_path: Path) -> None:
        weights = self.WEIGHTS | {"getter": np.float64(1.0)}
        torch.save({"state_dict": weights}, tmp_path / "n.pth")
        self.same(tmp_path / "n.pth")

    def test_damaged_and_other_files(self, tmp_path: Path) -> None:
        (tmp_path / "text.pth").write_text("no weights")
        (tmp_path / "empty.pth").write_bytes(b"")
        torch.save(self.WEIGHTS, tmp_path / "w.pth")
        (tmp_path / "half.pth").write_bytes((tmp_path / "w.pth").read_bytes()[:700])
        with zipfile.ZipFile(tmp_path / "zip.pth", "w") as file:
            file.writestr("a.txt", "no weights")
        (tmp_path / "s.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}")
        torch.save({"state_dict": {"epoch": 3}}, tmp_path / "none.pth")
        torch.save(torch.ones(3), tmp_path / "tensor.pth")
        for name in ("text", "empty", "half", "zip", "none", "tensor"):
            with pytest.raises(ModelError, match=rf"{name}\.pth (is damaged or no checkpoint|holds no weights)"):
                read_weights(tmp_path / f"{name}.pth")
        with pytest.raises(ModelError, match=r"s\.safetensors is damaged or no safetensors"):
            read_weights(tmp_path / "s.safetensors")
