"""No test downloads anything, none writes into the cache of whoever runs it, and each keeps to one thread."""

from __future__ import annotations

import os
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from hypothesis import settings

# The same examples every time, and none kept: who wants others gives --hypothesis-seed or another profile.
settings.register_profile("few", max_examples=40, deadline=None, derandomize=True, database=None)
settings.register_profile("many", max_examples=500, deadline=None)
settings.load_profile("few")

# Threads of tests side by side would wait for each other. PyTorch reads this when it is imported, in any process.
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Processes that tests start inherit it."""
    folders = {name: str(tmp_path_factory.mktemp(name)) for name in ("ZEDO_CACHE", "TORCH_HOME")}
    with patch.dict(os.environ, folders | {"ZEDO_OFFLINE": "1"}):
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked ``fuzz`` unless it is asked for (an expression in the settings would give way to -m)."""
    if "fuzz" not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker("fuzz")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
