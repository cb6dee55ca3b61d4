"""The runtime runs in the notebook's interpreter, which may be older than nbcontainer's."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

RUNTIME = Path(__file__).parents[2] / "nbcontainer" / "runtime"


@pytest.mark.parametrize("file", sorted(RUNTIME.glob("*.py")), ids=lambda file: file.name)
def test_a_file_is_python_3_8_and_imports_nothing_of_the_host_side(file: Path) -> None:
    tree = ast.parse(file.read_text(), feature_version=(3, 8))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert not any(alias.name.split(".")[0] == "nbcontainer" for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert str(node.module).split(".")[0] != "nbcontainer"
        assert not (isinstance(node, ast.ImportFrom) and node.level > 1)
