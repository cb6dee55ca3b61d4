"""Runs of a real cluster as a page sees them, through a real server: windows, changes pushed, scale, calls, stop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbcontainer import names
from tests.conftest import Cluster
from tests.kubernetes.conftest import runs, stub  # noqa: F401  (fixtures)
from tests.kubernetes.real import Line, Runs, until

from .panel import Panel, panel, settings, where


@pytest.fixture(scope="module")
def page(cluster: Cluster, line: Line, home: Path) -> Iterator[Panel]:
    settings(home / "settings", test=where(cluster), line=where(cluster, kubeconfig=str(line.kubeconfig)),
             closed=where(cluster, namespace="kube-system"), none=where(cluster, kubeconfig="/nowhere/config"),
             dead=where(cluster, kubeconfig=str(home / "dead.conf")))
    (home / "dead.conf").write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n"
        "contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n")
    with panel(home) as found:
        yield found


def test_runs_in_windows(page: Panel, runs: Runs, home: Path) -> None:  # noqa: F811
    path = home / "work" / "Mine.ipynb"
    path.write_text("{}")
    theirs = runs.notebook
    done, failed = runs.train("line done"), runs.train("line no; exit 3")
    runs.notebook = names.identity(Path(os.path.realpath(path))).id
    mine = runs.train("sleep 600")
    try:
        found = page.ask("GET", "/runs")
        with page.channel(found["topic"]) as channel:
            def settled(_: object = None) -> bool:
                told = page.ask("GET", "/runs", q="stub-")
                return told["counts"] == {"Running": 1, "Succeeded": 1, "Failed": 1}

            state = channel.until(found["topic"], settled)
        assert state["synced"] is True
        assert state["trouble"] == ""
        told = page.ask("GET", "/runs", q="stub-")
        order = [(run["created"], run["name"]) for run in told["runs"]]
        assert order == sorted(order, reverse=True)
        assert {run["name"] for run in told["runs"]} == {mine, done, failed}
        assert told["total"] == 3
        assert told["target"]["name"] == "test"
        assert [run["name"] for run in page.ask("GET", "/runs", q="stub-", offset=1, limit=1)["runs"]] == [
            told["runs"][1]["name"]]
        assert [run["name"] for run in page.ask("GET", "/runs", of="notebook", notebook="Mine.ipynb")["runs"]] == [mine]
        bad = page.ask("GET", "/runs", phase="Failed", q=theirs)
        assert [run["name"] for run in bad["runs"]] == [failed]
        assert bad["counts"] == {"Succeeded": 1, "Failed": 1}
        assert page.ask("GET", "/runs", kind="inference", q="stub-")["total"] == 0
        one = page.ask("GET", f"/runs/{failed}")
        assert one == next(run for run in told["runs"] if run["name"] == failed)
        assert (one["exit_code"], one["notebook"], one["notebook_path"], one["owner"]) == (
            3, theirs, "notebooks/Stub.ipynb", "ada")
        assert one["reattach"] == f"%status {failed} --target test"
    finally:
        runs.clear()
        runs.notebook = theirs


def test_what_is_refused(page: Panel) -> None:
    page.refused(400, "GET", "/runs", of="notebook")
    page.refused(400, "GET", "/runs", kind="other")
    page.refused(400, "GET", "/runs", limit="501")
    page.refused(400, "GET", "/runs", offset="-1")
    assert "no target 'where'" in page.refused(400, "GET", "/runs", target="where")["message"]
    page.refused(400, "GET", "/runs", notebook="../out.ipynb")
    for _ in range(2):  # each request tries again
        assert "may not list" in page.refused(502, "GET", "/runs", target="closed")["message"]
        assert "no kubeconfig" in page.refused(400, "GET", "/runs", target="none")["message"]
    away = page.ask("GET", "/runs", target="dead")
    assert away["state"]["synced"] is False
    assert "can't be reached" in away["state"]["trouble"]
    assert "no run 'nobody'" in page.refused(404, "GET", "/runs/nobody")["message"]
    page.refused(404, "DELETE", "/runs/nobody")
    assert page.raw("GET", "/runs/No_Name")[0] == 404
    page.refused(400, "POST", "/runs/x/scale", {"replicas": 20_000})
    page.refused(400, "POST", "/runs/x/scale", {"replicas": True})
    page.refused(400, "POST", "/runs/x/scale", {"replicas": 1, "more": 1})
    for path in ("http://10.0.0.1/x", "x", "/a?b=c", "/a b", "/a#b", "/é", ""):
        page.refused(400, "POST", "/runs/x/call", {"path": path, "body": None})
    for method, path in (("GET", "/runs"), ("POST", "/logs"), ("DELETE", "/runs/x"), ("POST", "/runs/x/call")):
        assert page.raw(method, path, body={}, headers={})[0] == 403


def test_a_training_run_takes_no_service_verbs(page: Panel, runs: Runs) -> None:  # noqa: F811
    name = runs.train("sleep 600")
    page.refused(409, "POST", f"/runs/{name}/scale", {"replicas": 2})
    page.refused(409, "POST", f"/runs/{name}/forward")
    page.refused(409, "GET", f"/runs/{name}/service")
    page.refused(409, "POST", f"/runs/{name}/call", {"path": "/predict", "body": {}})
    stopped = page.ask("DELETE", f"/runs/{name}")
    assert stopped["phase"] == "Stopped"
    assert stopped["reattach"] == ""
    until(lambda: page.ask("GET", "/runs", q=name)["total"] == 0)


def test_a_service_scaled_called_forwarded_and_stopped(page: Panel, runs: Runs) -> None:  # noqa: F811
    name = runs.serve(replicas=0)
    topic = page.ask("GET", "/runs")["topic"]

    def now() -> dict[str, object]:
        found = page.ask("GET", "/runs", q=name)["runs"]
        return dict(found[0]) if found else {}

    assert "no replica" in page.refused(502, "POST", f"/runs/{name}/call", {"path": "/", "body": 1})["message"]
    with page.channel(topic) as channel:
        told = page.ask("POST", f"/runs/{name}/scale", {"replicas": 3})
        assert told["replicas"]["wanted"] == 3
        assert now()["replicas"]["wanted"] == 3  # type: ignore[index]
        seen: list[int] = []

        def ready(_: object) -> bool:
            replicas: dict[str, int] = now()["replicas"]  # type: ignore[assignment]
            assert replicas["wanted"] == 3, "the stepper flickered back"
            seen.append(replicas["ready"])
            return replicas["ready"] == 3

        channel.until(topic, ready)
        assert seen == sorted(seen)
        body = {"inputs": [1, "é", None], "n": 2}
        answer = page.ask("POST", f"/runs/{name}/call", {"path": "/predict", "body": body})
        assert (answer["status"], json.loads(answer["body"]), answer["cut"]) == (200, body, False)
        assert 0 < answer["seconds"] < 60
        big = page.ask("POST", f"/runs/{name}/call", {"path": "/echo", "body": "x" * 2**20})
        assert (len(big["body"]), big["cut"]) == (2**20, True)
        old = page.refused(409, "GET", f"/runs/{name}/service")
        assert "does not describe itself" in old["message"]
        assert "serve it again" in old["hint"]
        url = page.ask("POST", f"/runs/{name}/forward")["url"]
        assert url == now()["forward"] == page.ask("POST", f"/runs/{name}/forward")["url"]
        with urllib.request.urlopen(f"{url}/", timeout=60) as direct:
            assert direct.read().startswith(name.encode())
        assert page.ask("DELETE", f"/runs/{name}/forward") == {"url": ""}
        assert now()["forward"] == ""
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(f"{url}/", timeout=10)
        url = page.ask("POST", f"/runs/{name}/forward")["url"]
        page.ask("DELETE", f"/runs/{name}")
        channel.until(topic, lambda _: not now())
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{url}/", timeout=10)


def test_a_service_without_a_ready_replica_says_why(page: Panel, runs: Runs) -> None:  # noqa: F811
    name = runs.serve(env={"UNREADY": "503"})
    runs.reason(name, "not ready")
    said = page.refused(502, "POST", f"/runs/{name}/call", {"path": "/predict", "body": {}})
    assert said["message"].startswith(f"{name} has no ready replica: ")
    assert said["hint"]


def test_a_served_notebook_describes_itself_and_answers(page: Panel, home: Path) -> None:
    cell = "def predict(rows: list, scale: float = 2.0):\n    'Scaled.'\n    return [scale * row for row in rows]"
    (home / "work" / "Scaled.ipynb").write_text(json.dumps({
        "cells": [{"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": cell}],
        "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    env = {**os.environ, "XDG_CONFIG_HOME": str(home / "settings"), "NBCONTAINER_CACHE": str(home / "cache")}
    command = [sys.executable, "-m", "nbcontainer.cli", "serve", "Scaled.ipynb:predict", "--python",
               sys.executable, "--wait", "--json", "--quiet"]
    done = subprocess.run(command, cwd=home / "work", env=env, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = page.ask("GET", "/runs", of="notebook", notebook="Scaled.ipynb")["runs"]
    name = run["name"]
    try:
        document = page.ask("GET", f"/runs/{name}/service", notebook="Scaled.ipynb")
        assert "post" in document["paths"]["/predict"]
        answer = page.ask("POST", f"/runs/{name}/call", {"path": "/predict", "body": {"rows": [1, 2], "scale": 3}})
        assert (answer["status"], json.loads(answer["body"])) == (200, [3, 6])
        assert answer["kind"].startswith("application/json")
        wrong = page.ask("POST", f"/runs/{name}/call", {"path": "/predict", "body": {"lines": 1}})
        assert wrong["status"] == 422
        assert page.ask("POST", f"/runs/{name}/call", {"path": "/elsewhere", "body": 1})["status"] == 404
    finally:
        page.ask("DELETE", f"/runs/{name}")


def test_an_api_server_that_goes_away_and_comes_back(page: Panel, runs: Runs, line: Line) -> None:  # noqa: F811
    first = runs.train("sleep 600")
    found = page.ask("GET", "/runs", target="line")
    topic = found["topic"]
    with page.channel(topic) as channel:
        channel.until(topic, lambda state: state["synced"] and not state["trouble"])
        line.down()
        away = channel.until(topic, lambda state: state["trouble"])
        assert "can't be reached" in away["trouble"]
        assert away["synced"] is True
        assert page.ask("GET", "/runs", target="line", q=first)["total"] == 1  # as last seen
        second = runs.train("line meanwhile")
        line.up()
        channel.until(topic, lambda state: not state["trouble"])
        until(lambda: page.ask("GET", "/runs", target="line", q=second)["total"] == 1)
