"""What --json prints is what docs/schemas says, field by field."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from nbcontainer.errors import UsageError
from nbcontainer.model import PodStatus, Replicas, RunStatus

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(found)
    return found


def nbcontainer(folder: Path, *words: str) -> Any:
    env = {**os.environ, "NBCONTAINER_CACHE": str(folder / "cache"), "XDG_CONFIG_HOME": str(folder)}
    done = subprocess.run([sys.executable, "-m", "nbcontainer.cli", *words, "--json", "--quiet"], env=env, cwd=folder,
                          capture_output=True, text=True, check=False)
    return json.loads(done.stdout)


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": None, "outputs": [],
            "source": "import packaging"}
    book = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "small.ipynb").write_text(json.dumps(book))
    return tmp_path / "small.ipynb"


def test_an_image(notebook: Path) -> None:
    made = nbcontainer(notebook.parent, "build", "small.ipynb", "--python", sys.executable, "--output", "oci:layout")
    jsonschema.validate(made, schema("image"))
    assert [each["name"] for each in made["distributions"]] == ["packaging"]


def test_a_check(notebook: Path) -> None:
    found = nbcontainer(notebook.parent, "check", "small.ipynb", "--python", sys.executable)
    jsonschema.validate(found, schema("check"))
    assert found["error"] is None
    assert found["notebook"] == str(notebook)


def test_an_error(notebook: Path) -> None:
    jsonschema.validate(nbcontainer(notebook.parent, "build", "missing.ipynb"), schema("error"))
    jsonschema.validate(UsageError("no", "do").as_json(), schema("error"))


@pytest.mark.parametrize("moment", [None, datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)])
def test_a_run(moment: datetime | None) -> None:
    pod = PodStatus("p", "Running", True, 1, moment, "", "sha256:0", 0, "last")
    status = RunStatus("n", "inference", "t", "ns", "Running", "", "i", Replicas(1, 1, 1), 1, (pod,), "u", "l", None,
                       moment, moment, moment)
    jsonschema.validate(status.as_json(), schema("run"), format_checker=jsonschema.FormatChecker())


def test_a_log_line(capsys: pytest.CaptureFixture[str]) -> None:
    from nbcontainer.cli import _print_log
    from nbcontainer.model import Log

    _print_log(Log("p", "line", "2026-01-02T03:04:05.000000006Z"), True, False)
    jsonschema.validate(json.loads(capsys.readouterr().out), schema("log"))
