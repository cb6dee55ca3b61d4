"""Requests and their errors against a scripted API server, and connections that can't be made."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from nbcontainer.errors import ConfigError, Forbidden, TargetError
from nbcontainer.model import Target
from nbcontainer.orchestrators.kubernetes import errors
from nbcontainer.orchestrators.kubernetes.client import Client

from .conftest import Serve
from .wire import Exchange, listed


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def test_the_token_and_the_namespace_are_the_contexts(serve: Serve) -> None:
    seen: list[tuple[str, str]] = []

    def answer(x: Exchange) -> None:
        seen.append((x.path, x.headers["authorization"]))
        x.json({"metadata": {"name": "a b"}})

    Client(serve(answer).target).get("jobs", "a b")
    assert seen == [("/apis/batch/v1/namespaces/team/jobs/a%20b", "Bearer secret")]


def test_lists_are_read_page_by_page(serve: Serve) -> None:
    def answer(x: Exchange) -> None:
        first = "continue" not in x.query
        x.json(listed("1", {"n": 1 if first else 2}, more="next" if first else ""))

    assert Client(serve(answer).target).items("pods") == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("trouble", [500, 503, 429, 0])
def test_what_passes_is_tried_again(serve: Serve, waits: list[float], trouble: int) -> None:
    calls: list[int] = []

    def answer(x: Exchange) -> None:
        calls.append(1)
        if len(calls) > 2:
            x.json({"metadata": {}})
        elif trouble:
            x.refuse(trouble, "Busy", **({"retry_after": "3"} if trouble == 429 else {}))
        else:
            x.drop()

    assert Client(serve(answer).target).get("jobs", "x") == {"metadata": {}}
    assert len(calls) == 3
    assert len(waits) == 2
    if trouble == 429:
        assert min(waits) > 2


@pytest.mark.parametrize(
    ("code", "message", "kind", "words"),
    [
        (401, "Unauthorized", errors.Refused, "does not accept the credentials (401)"),
        (403, 'jobs.batch is forbidden: User "eve" cannot create resource "jobs" in API group "batch"', Forbidden,
         "eve may not create jobs in namespace team"),
        (403, "pods is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1",
         errors.Refused, "exceeded quota small: requested: pods=1"),
        (422, "name is invalid", errors.Refused, "the cluster refuses: name is invalid"),
    ],
)
def test_a_refusal_is_one_line_and_final(
    serve: Serve, code: int, message: str, kind: type[TargetError], words: str
) -> None:
    calls: list[int] = []

    def answer(x: Exchange) -> None:
        calls.append(1)
        x.refuse(code, "Why", message)

    with pytest.raises(kind) as told:
        Client(serve(answer).target).create("jobs", {"metadata": {"name": "x"}})
    assert words in told.value.message
    assert "\n" not in told.value.message
    assert len(calls) == 1


def test_what_is_gone_is_no_error(serve: Serve) -> None:
    client = Client(serve(lambda x: x.refuse(404, "NotFound")).target)
    assert client.get("jobs", "x") is None
    assert client.delete("jobs", "x", "uid") is False


def test_clusters_that_are_not_there(tmp_path: Path, serve: Serve, waits: list[float],
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    wire = serve(lambda x: x.json({}))
    wire.close()
    with pytest.raises(errors.Unreachable, match=r"can't be reached: connection refused"):
        Client(wire.target).get("jobs", "x")
    with pytest.raises(ConfigError, match="has no context 'other'") as told:
        Client(replace(wire.target, context="other")).get("jobs", "x")
    assert told.value.hint == "it has: wire"
    broken = tmp_path / "broken.conf"
    broken.write_text("a: [")
    for path, words in ((broken, "names no usable cluster"), (tmp_path / "none", "no kubeconfig at")):
        with pytest.raises(ConfigError, match=words):
            Client(Target("x", "kubernetes", kubeconfig=str(path))).get("jobs", "x")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ConfigError, match="no cluster is configured here"):
        Client(Target("x", "kubernetes")).get("jobs", "x")
