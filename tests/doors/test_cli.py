"""The command line's promises: exit codes, one line per error, JSON on stdout, a quick --help."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nbcontainer import api, cli
from nbcontainer.errors import RegistryError


def nbcontainer(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nbcontainer.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, timeout=60)


NOTEBOOK = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}


def _write(path: Path, **changes: object) -> Path:
    path.write_text(json.dumps({**NOTEBOOK, **changes}))
    return path


BAD = {
    "missing": (lambda d: d / "nope.ipynb", "nope.ipynb"),
    "folder": (lambda d: d, ""),
    "not json": (lambda d: (d / "a.ipynb").write_text("{") and d / "a.ipynb", "a.ipynb"),
    "not a notebook": (lambda d: (d / "b.ipynb").write_text("[1]") and d / "b.ipynb", "b.ipynb"),
    "nbformat 3": (lambda d: _write(d / "c.ipynb", nbformat=3, worksheets=[]), "nbformat 3"),
    "language": (
        lambda d: _write(d / "r.ipynb", metadata={"kernelspec": {"name": "ir", "language": "R"}}), "R"),
    "odd name": (lambda d: d / "it's; $(x)\nné.ipynb", "né.ipynb"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_bad_notebook_is_one_clear_line_and_exit_code_2(case: str, as_json: bool, tmp_path: Path) -> None:
    make, expected = BAD[case]
    ran = nbcontainer("build", str(make(tmp_path)), "--quiet", *(["--json"] if as_json else []))
    assert ran.returncode == 2, ran.stderr
    if as_json:
        error = json.loads(ran.stdout)["error"]
        assert error["stage"] == "notebook"
        text = error["message"]
    else:
        assert ran.stdout == ""
        assert len(ran.stderr.strip().splitlines()) == 1, ran.stderr
        assert "Traceback" not in ran.stderr
        text = ran.stderr
    assert expected in text


def test_usage_errors_and_help() -> None:
    assert nbcontainer("frobnicate").returncode == 2
    assert nbcontainer().returncode == 2
    ran = nbcontainer("--help")
    assert ran.returncode == 0
    for verb in cli.VERBS:
        assert verb in ran.stdout


def test_an_error_of_the_work_is_exit_code_1_and_a_bug_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise RegistryError("registry.example:5000 refused", "is it running?")

    monkeypatch.setattr(api, "runs", refuse)
    assert cli.main(["runs"]) == 1
    assert capsys.readouterr().err == "nbcontainer: registry.example:5000 refused — is it running?\n"

    def bug(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(api, "runs", bug)
    assert cli.main(["runs"]) == 1
    assert "ZeroDivisionError: oops" in capsys.readouterr().err

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "runs", interrupt)
    assert cli.main(["runs", "--json"]) == 130


def test_config_shows_where_values_come_from(tmp_path: Path) -> None:
    (tmp_path / "nbcontainer.toml").write_text('registry = "r.example/team"')
    found = json.loads(nbcontainer("config", "--json", cwd=tmp_path).stdout)
    assert found["registry"]["value"] == "r.example/team"
    assert found["registry"]["source"].endswith("nbcontainer.toml")
