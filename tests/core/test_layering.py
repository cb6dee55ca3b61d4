"""Imports only go down, and what a kernel loads stays light."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "nbcontainer"
LAYERS = (
    "errors",
    "model",
    "names options given config session show show_check",
    "notebook requirements script signatures jupyter locate",
    "environment image frameworks",
    "builders bundle state edited scratch last",
    "orchestrators",
    "run",
    "make",
    "find inspection",
    "api",
    "python terminal live widget completion",
    "magics cli server",
)
RANK = {"runtime": 0} | {name: rank for rank, names in enumerate(LAYERS) for name in names.split()}
HEAVY = ("IPython", "docker", "kubernetes", "nbformat", "nbconvert", "elftools", "cloudpickle", "ipywidgets",
         "jsonschema", "requests", "urllib3", "numpy", "packaging", "yaml")


def modules() -> list[Path]:
    return sorted(p for p in ROOT.rglob("*.py") if p.relative_to(ROOT).parts[0] not in ("runtime", "__init__.py"))


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """(first name below nbcontainer, line) of every import that really happens."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            full = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            full = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in full:
            parts = name.split(".")
            if parts[0] == "nbcontainer" and len(parts) > 1 and parts[1] != "__version__":
                yield parts[1], node.lineno


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_only_go_down(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    assert own in RANK, f"{own} has no layer yet"
    wrong = [f"line {line} imports {name}" for name, line in imported(path) if RANK.get(name, 99) > RANK[own]]
    assert not wrong, wrong


def test_the_runtime_stands_alone() -> None:
    for path in (ROOT / "runtime").rglob("*.py"):
        assert not list(imported(path)), path


@pytest.mark.parametrize("module", ["nbcontainer", "nbcontainer.magics", "nbcontainer.cli", "nbcontainer.locate"])
def test_doors_open_without_heavy_imports(module: str) -> None:
    code = f"import {module}, sys, json; print(json.dumps(sorted({{n.partition('.')[0] for n in sys.modules}})))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(json.loads(ran.stdout))
