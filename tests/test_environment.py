"""environment.yml, pyproject.toml and constraints.txt say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    data: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return data


def pins(lines: list[str]) -> dict[str, str]:
    """Versions by package, in the spelling of package names that pip compares."""
    split = [line.partition("==") for line in lines]
    assert all(sign for _, sign, _ in split), "every requirement is pinned"
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, _, version in split}


def test_conda_installs_this_project_with_the_extra_for_mmpose(project: dict[str, Any]) -> None:
    *conda, pip = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    constraints, editable = pip["pip"]
    extras = re.fullmatch(r"-e \.\[([a-z,]+)\]", editable)
    assert constraints == "-c constraints.txt" and extras is not None
    assert {"dev", "mmpose"} <= set(extras[1].split(",")) <= set(project["optional-dependencies"])
    # Conda brings Python and pip; whatever pip installs stands in pyproject.toml alone.
    python, *others = sorted(conda, key=lambda item: not item.startswith("python="))
    assert others == ["pip"]
    least = tuple(map(int, project["requires-python"].removeprefix(">=").split(".")))
    assert tuple(map(int, python.removeprefix("python=").split("."))) >= least


def test_what_is_required_is_what_was_tested(project: dict[str, Any]) -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    tested = pins([line for line in lines if not line.startswith("#")])
    for requirements in (project["dependencies"], *project["optional-dependencies"].values()):
        assert pins(requirements).items() <= tested.items()
