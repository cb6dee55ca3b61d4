"""Logs of real pods in windows, through a real server: to the end, odd bytes, before a restart, over a break."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cluster
from tests.kubernetes.conftest import runs, stub  # noqa: F401  (fixtures)
from tests.kubernetes.real import Line, Runs, until

from .panel import Panel, panel, settings, where


@pytest.fixture(scope="module")
def page(cluster: Cluster, line: Line, home: Path) -> Iterator[Panel]:
    settings(home / "settings", test=where(cluster), line=where(cluster, kubeconfig=str(line.kubeconfig)))
    with panel(home) as found:
        yield found
    assert list((home / "cache" / "logs").glob("*-*")) == []


def whole(page: Panel, log: str, count: int = 700) -> list[dict[str, Any]]:
    """All lines that are there, window by window."""
    found: list[dict[str, Any]] = []
    while True:
        told = page.ask("GET", f"/logs/{log}", **{"from": len(found), "count": count})
        found += told["lines"]
        if len(found) == told["total"]:
            return found
        assert told["lines"]


def test_a_log_followed_to_its_end_in_windows(page: Panel, runs: Runs) -> None:  # noqa: F811
    name = runs.train("line first; lines 3000 0 60; sleep 1; line Last One; exit 0")
    log = page.ask("POST", "/logs", {"name": name})
    assert page.ask("POST", "/logs", {"name": name, "target": "test"})["id"] == log["id"]
    with page.channel(log["topic"]) as channel:
        ended = channel.until(log["topic"], lambda state: state["ended"])
    wanted = ["first", *(f"line {n} {'x' * 60}" for n in range(1, 3001)), "Last One"]
    assert (ended["lines"], ended["trouble"]) == (3002, "")
    lines = whole(page, log["id"])
    assert [each["text"] for each in lines] == wanted
    assert {each["pod"] for each in lines} == set(ended["pods"])
    assert len(ended["pods"]) == 1
    assert all(each["time"].endswith("Z") for each in lines)
    assert page.ask("GET", f"/logs/{log['id']}/search", q="last one")["lines"] == [3001]
    assert page.ask("GET", f"/logs/{log['id']}/search", q="Line 2")["lines"] == []
    found = page.ask("GET", f"/logs/{log['id']}/search", q="line 29", **{"from": 2000})
    assert found == {"lines": list(range(2900, 3000)), "more": False, "next": 3002}
    status, headers, text = page.raw("GET", f"/logs/{log['id']}/download")
    assert (status, text.decode()) == (200, "".join(f"{each}\n" for each in wanted))
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["Content-Disposition"] == f'attachment; filename="{name}.log"'
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert page.ask("POST", "/logs", {"name": name})["lines"] == 3002  # a reload


def test_what_a_pod_prints_stays_as_it_is(page: Panel, runs: Runs) -> None:  # noqa: F811
    odd = r"\x1b[31mred\x1b[0m\n10%\r20%\r30%\n<img src=x onerror=alert(1)>\nnul\x00nul\n\xff\xfe\né✓\n"
    name = runs.train(f'raw "{odd}"; lines 1 0 1048500; line end')
    log = page.ask("POST", "/logs", {"name": name})
    with page.channel(log["topic"]) as channel:
        channel.until(log["topic"], lambda state: state["ended"])
    lines = whole(page, log["id"])
    assert [each["text"] for each in lines[:6]] == [
        "\x1b[31mred\x1b[0m", "10%\r20%\r30%", "<img src=x onerror=alert(1)>", "nul\0nul", "��", "é✓"]
    assert lines[-1]["text"] == "end"
    assert len(lines[6]["text"]) == 16384
    assert lines[6]["length"] == len("line 1 ") + 1048500
    assert len(lines) == 8


def test_a_crashing_service_has_a_log_from_before_its_restart(page: Panel, runs: Runs) -> None:  # noqa: F811
    name = runs.serve(env={"CRASH": "7", "SCRIPT": "line about to crash"})
    until(lambda: any(pod["restarts"] for pod in page.ask("GET", f"/runs/{name}")["pods"]), 120)
    log = page.ask("POST", "/logs", {"name": name, "previous": True})
    with page.channel(log["topic"]) as channel:
        ended = channel.until(log["topic"], lambda state: state["ended"])
    assert (ended["previous"], ended["trouble"]) == (True, "")
    assert [each["text"] for each in whole(page, log["id"])] == ["about to crash"]
    now = page.ask("POST", "/logs", {"name": name})
    assert now["id"] != log["id"]


def test_a_log_of_three_replicas_and_of_one(page: Panel, runs: Runs) -> None:  # noqa: F811
    name = runs.serve(replicas=3)
    pods = [pod.name for pod in runs.ready(name, 3).pods]
    log = page.ask("POST", "/logs", {"name": name})
    with page.channel(log["topic"]) as channel:
        state = channel.until(log["topic"], lambda state: len(state["pods"]) == 3)
    assert sorted(state["pods"]) == sorted(pods)
    assert state["ended"] is False
    one = page.ask("POST", "/logs", {"name": name, "pod": pods[0]})
    with page.channel(one["topic"]) as channel:
        assert channel.until(one["topic"], lambda state: state["lines"])["pods"] == [pods[0]]
    assert "has no pod 'other'" in page.refused(404, "POST", "/logs", {"name": name, "pod": "other"})["message"]
    page.ask("DELETE", f"/runs/{name}")
    with page.channel(log["topic"]) as channel:
        assert channel.until(log["topic"], lambda state: state["ended"])["trouble"] == ""


def test_a_break_is_told_and_each_line_comes_once(page: Panel, runs: Runs, line: Line) -> None:  # noqa: F811
    name = runs.train("lines 400 50 10; line end")
    log = page.ask("POST", "/logs", {"name": name, "target": "line"})
    with page.channel(log["topic"]) as channel:
        channel.until(log["topic"], lambda state: state["lines"] > 10)
        line.down()
        assert "can't be reached" in channel.until(log["topic"], lambda state: state["trouble"])["trouble"]
        line.up()
        assert channel.until(log["topic"], lambda state: not state["trouble"])["ended"] is False
        channel.until(log["topic"], lambda state: state["ended"])
    wanted = [*(f"line {n} {'x' * 10}" for n in range(1, 401)), "end"]
    assert [each["text"] for each in whole(page, log["id"])] == wanted


def test_what_is_refused(page: Panel) -> None:
    page.refused(404, "POST", "/logs", {"name": "nobody"})
    page.refused(400, "POST", "/logs", {})
    page.refused(404, "GET", f"/logs/{'0' * 16}")
    page.refused(404, "GET", f"/logs/{'0' * 16}/download")
    page.refused(400, "GET", f"/logs/{'0' * 16}/search")
