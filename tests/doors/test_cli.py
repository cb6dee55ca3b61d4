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


CODE = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
DIGEST = "sha256:" + "a" * 64
ODD = "it's \"odd\"; $(touch x) `y` & | > é漢\n.ipynb"


def good(folder: Path, *sources: str, name: str = "good.ipynb") -> Path:
    cells = [{**CODE, "source": each} for each in (*sources, "import json")]
    cells.append({**CODE, "source": "a = 1\nb = ''", "metadata": {"tags": ["parameters"]}})
    return _write(folder / name, cells=cells, metadata={"kernelspec": {"name": "python3", "language": "python"}})


# (words after the notebook, stage, what the message says, cells before the good ones)
REFUSED: dict[str, tuple[list[str], str, str, list[str]]] = {
    "unknown kernelspec": (["build", "NB", "--kernel", "no such; $(x)"], "environment", "no such; $(x)", []),
    "unknown interpreter": (["build", "NB", "--python", "/no such/python"], "environment", "/no such/python", []),
    "not an interpreter": (["build", "NB", "--python", "/etc/hostname"], "environment", "/etc/hostname", []),
    "import nobody provides": (["build", "NB"], "environment", "cell 1", ["x = 1\nimport no_such_thing"]),
    "syntax error": (["build", "NB"], "notebook", "good.ipynb, cell 1, line 2: invalid syntax", ["x = 1\ny = = 2"]),
    "name": (["train", "NB", "--name", "it's; $(x)\né"], "usage", "can't name a run", []),
    "long name": (["train", "NB", "--name", "a" * 64], "usage", "can't name a run", []),
    "unknown parameter": (["train", "NB", "-p", "c d=1"], "usage", "'c d' is not a Python name", []),
    "no such parameter": (["train", "NB", "-p", "c=1"], "usage", "has no parameter 'c'", []),
    "env": (["train", "NB", "--env", "A B=1"], "usage", "'A B' can't name an environment variable", []),
    "secret": (["train", "NB", "--secret", "a; b"], "usage", "can't name a secret", []),
    "callable": (["serve", "NB:a b()"], "usage", "can't name a function", []),
    "no callable": (["serve", "NB"], "usage", "which function is to be served?", []),
    "image": (["build", "NB", "--image", "a b"], "usage", "a b", []),
    "target": (["build", "NB", "--target", "nö; $(x)"], "configuration", "no target 'nö; $(x)'", []),
    "platform": (["build", "NB", "--platform", "linux/s390x"], "usage", "linux/s390x", []),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_have_one_schema(case: str, tmp_path: Path) -> None:
    words, stage, expected, cells = REFUSED[case]
    path = good(tmp_path, *cells)
    ran = nbcontainer(*(word.replace("NB", str(path), 1) for word in words), "--json", "--quiet", cwd=tmp_path)
    assert ran.returncode == 2, (ran.stdout, ran.stderr)
    assert ran.stderr == ""
    assert len(ran.stdout.splitlines()) == 1
    error = json.loads(ran.stdout)
    assert list(error) == ["error"]
    assert {key: type(value) for key, value in error["error"].items()} == {"stage": str, "message": str, "hint": str}
    assert error["error"]["stage"] == stage
    assert expected in error["error"]["message"]
    assert "\n" not in error["error"]["message"] + error["error"]["hint"]
    assert [each.name for each in tmp_path.iterdir()] == ["good.ipynb"], "nothing is left behind"


def test_odd_names_and_values_arrive_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "a b's; $(touch x)\né"
    folder.mkdir()
    path = good(folder, name=ODD)
    values = {"a": "it's \"x\"; $(touch y)\n`z` é漢 {b} %s\\n", "b": "--follow"}
    words = [word for name, value in values.items() for word in ("-p", f"{name}={value}")]
    ran = nbcontainer("manifest", str(path), "--image", f"r.example/x@{DIGEST}", "--env", f"K={values['a']}", *words,
                      "--json", "--quiet", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    job = next(each for each in json.loads(ran.stdout)["items"] if each["kind"] == "Job")
    container = job["spec"]["template"]["spec"]["containers"][0]
    env = {each["name"]: each.get("value", "").replace("$$(", "$(") for each in container["env"]}  # its own escape
    assert env["K"] == values["a"]
    assert values in [json.loads(value) for value in env.values() if value and value.startswith("{")]
    assert sorted(each.name for each in tmp_path.rglob("*")) == sorted([folder.name, ODD])


def test_an_odd_notebook_is_planned(tmp_path: Path) -> None:
    path = good(tmp_path, name=ODD)
    ran = nbcontainer("build", path.name, "--dry-run", "--json", "--quiet", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    plan = json.loads(ran.stdout)
    assert plan["layers"][-1]["content"] == "notebook"
    assert plan["labels"]["io.nbcontainer.notebook"] == ODD
