"""What README and docs refer to exists: pages, headings, files, names of the code."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
STAGES = "assets|lifting|pipeline|detectors|visualize"

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    prose = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.*)$", prose, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)\s]+)\)", page.read_text("utf-8")):
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        assert not anchor or anchor in headings(file), target


@each_page
def test_names_of_the_code_exist(page: Path) -> None:
    for name in set(re.findall(rf"`((?:{STAGES})(?:\.\w+)+)`", page.read_text("utf-8"))):
        assert exists(name), name


@each_page
def test_files_exist(page: Path) -> None:
    for name in set(re.findall(rf"`((?:{STAGES}|configs|tests)/[\w./-]*)`", page.read_text("utf-8"))):
        assert (ROOT / name).exists(), name


def test_the_tree_shows_every_room() -> None:
    tree = (ROOT / "docs" / "design.md").read_text("utf-8").split("```")[1]
    rooms = {path.parent for stage in STAGES.split("|") for path in (ROOT / stage).rglob("__init__.py")}
    assert {room.name for room in rooms} <= set(re.findall(r"(\w+)/", tree))


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    try:
        import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return bool(module) and exists(module) and hasattr(import_module(module), attribute)
    return True
