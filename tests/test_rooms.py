"""The plan of the house: packages say what they are for, none is crowded, and imports flow one way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Each imports only from those before it.
STAGES = ("assets", "detectors", "lifting", "visualize", "pipeline")
FILES = [path for stage in STAGES for path in sorted((ROOT / stage).rglob("*.py"))]
PACKAGES = [path.parent for path in FILES if path.name == "__init__.py"]
_WIDEST = 12


def named(path: Path) -> str:
    """Dotted name of a file, or of a package."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def imports() -> tuple[tuple[str, str, str], ...]:
    """Importing module, imported module of ours, and file with line, wherever in a module the import stands."""
    return tuple(_imports({named(path) for path in FILES}))


def _imports(modules: set[str]) -> Iterator[tuple[str, str, str]]:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                found = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                found = {alias.name for alias in node.names}
            else:
                continue
            for name in found & modules:
                yield named(path), name, f"{path.relative_to(ROOT)}:{node.lineno}"


def room(module: str) -> str:
    """The package of a module; a module beside packages is a room of its own."""
    folder = ROOT.joinpath(*module.split(".")[:-1])
    return module if any(package.parent == folder for package in PACKAGES) else module.rpartition(".")[0]


@pytest.mark.parametrize("package", PACKAGES, ids=named)
def test_a_package_says_what_it_is_for_and_names_what_exists(package: Path) -> None:
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""
    assert len(text.split()) > 10, f"{named(package)} does not say what it is for"
    here = "\n".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    for name in re.findall(r"``([\w.]+)``", text):
        is_file = any((package / file).exists() for file in (name, f"{name}.py"))
        there = is_file or re.search(rf"^(def |class |){name}\b", here, re.MULTILINE) is not None
        assert there, f"the docstring of {named(package)} names {name}, which is not there"


@pytest.mark.parametrize("package", PACKAGES, ids=named)
def test_no_package_is_crowded(package: Path) -> None:
    modules = [path.name for path in package.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= _WIDEST, f"{named(package)} has {len(modules)} modules: make a room of some of them"


def test_data_flows_one_way() -> None:
    back = [
        f"{where}: {importer} imports {imported}"
        for importer, imported, where in imports()
        if STAGES.index(importer.split(".")[0]) < STAGES.index(imported.split(".")[0])
    ]
    assert not back, f"{' -> '.join(STAGES)} is the order, but\n" + "\n".join(sorted(back))


def test_rooms_have_an_order() -> None:
    needs: dict[str, set[str]] = {}
    where: dict[tuple[str, str], str] = {}
    for importer, imported, line in imports():
        a, b = room(importer), room(imported)
        if a != b and imported not in STAGES:
            needs.setdefault(a, set()).add(b)
            where[a, b] = f"{line}: {importer} imports {imported}"
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = error.args[1][::-1]
        lines = [where[pair] for pair in pairwise(circle)]
        pytest.fail("rooms import each other in a circle:\n" + "\n".join(lines))
