"""What the tests of the server extension share: a running server with small notebooks, and the contract."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Cluster
from tests.kubernetes.real import Line
from tests.server.panel import Panel, panel

ROOT = Path(__file__).parents[2]
TINY = ("text = ''\nseconds = 0", "import os, time\nprint(text)\ntime.sleep(seconds)",
        "def double(x):\n    return 2 * x")


def notebook(path: Path, *cells: str) -> Path:
    """Write a notebook; its first cell has the tag `parameters`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = [{"cell_type": "code", "metadata": {"tags": ["parameters"] if not number else []}, "outputs": [],
             "execution_count": None, "source": each} for number, each in enumerate(cells or TINY)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 4}))
    return path


@pytest.fixture(scope="session")
def contract() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "nbcontainer/server/openapi.yaml").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A cache that servers of one session share, so that the interpreter is packed once."""
    return os.environ.get("NBCONTAINER_CACHE") or str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory, kept: str) -> Iterator[Panel]:
    """A server without a cluster over tiny.ipynb; its target `nowhere` has no registry."""
    home = tmp_path_factory.mktemp("desk")
    notebook(home / "work" / "tiny.ipynb")
    with panel(home, NBCONTAINER_CACHE=kept) as found:
        yield found


@pytest.fixture(scope="module")
def line(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A line to the API server that a test can cut."""
    found = Line(cluster, tmp_path_factory.mktemp("line"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")
