"""Cancelled while it pushes, with a real registry and cluster: no tag, no pod, nothing half done."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cluster
from tests.registry.proxy import Fault, Proxy
from tests.server.conftest import notebook
from tests.server.panel import Panel, panel, settings
from tests.server.test_contract import holds
from tests.server.test_tasks import ended


@pytest.fixture(scope="module")
def page(cluster: Cluster, kept: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panel]:
    home = tmp_path_factory.mktemp("home")
    notebook(home / "work" / "tiny.ipynb")
    settings(home / "settings", test={
        "orchestrator": "kubernetes", "kubeconfig": str(cluster.kubeconfig), "namespace": cluster.namespace,
        "registry": f"{cluster.registry}/cancelled", "plain_http": True})
    with panel(home, NBCONTAINER_CACHE=kept) as found:
        yield found


def tags(cluster: Cluster, repository: str) -> list[str]:
    connection = http.client.HTTPConnection(cluster.registry)
    try:
        connection.request("GET", f"/v2/{repository}/tags/list")
        answer = connection.getresponse()
        told = json.loads(answer.read())
        return list(told.get("tags") or []) if answer.status == 200 else []
    finally:
        connection.close()


def start(page: Panel, verb: str, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = page.ask("POST", "/tasks", {"verb": verb, "notebook": "tiny.ipynb", "options": options})
    return found


def test_while_it_pushes(page: Panel, cluster: Cluster) -> None:
    proxy = Proxy(cluster.registry, *(
        Fault(method, "/blobs/uploads/", times=99, larger=500_000, wait=3.0) for method in ("PATCH", "PUT", "POST")))
    try:
        before = page.ask("GET", "/runs")["total"]
        task = start(page, "train", image=f"{proxy.host}/cancelled/half:v1", name="never-there")
        until = time.monotonic() + 120
        while not any(length > 500_000 for _, _, length in list(proxy.seen)):
            now = page.ask("GET", f"/tasks/{task['id']}")
            assert now["state"] in ("queued", "running"), now
            assert time.monotonic() < until, now
            time.sleep(0.02)
        assert page.ask("DELETE", f"/tasks/{task['id']}")["state"] in ("cancelled", "running")
        found = ended(page, task)
        assert found["state"] == "cancelled", found
        assert tags(cluster, "cancelled/half") == []
        page.refused(404, "GET", "/runs/never-there")
        assert page.ask("GET", "/runs")["total"] == before
        proxy.faults.clear()
        again = ended(page, page.ask("POST", f"/tasks/{task['id']}/retry"))
        assert again["state"] == "done", again
        assert tags(cluster, "cancelled/half") == ["v1"]
    finally:
        proxy.close()
        page.raw("DELETE", "/runs/never-there")


def test_a_training_run_from_the_panel(page: Panel, cluster: Cluster, contract: dict[str, Any]) -> None:
    """Built, pushed, submitted: the task has the image and the run."""
    task = start(page, "train", parameters={"text": "<b>from the panel</b>"}, env={"ODD": "secret-value"}, cpu="100m")
    found = ended(page, task)
    try:
        assert found["state"] == "done", found
        holds(contract, "/tasks/{task}", "get", "200", found)
        assert [each["stage"] for each in found["steps"]][-2:] == ["push", "submit"]
        assert found["image"]["reference"].startswith(f"{cluster.registry}/cancelled/tiny:")
        assert found["image"]["digest"] in found["run"]["image"]
        assert found["run"]["kind"] == "training"
        assert "secret-value" not in json.dumps(found)
        assert page.ask("GET", f"/runs/{found['run']['name']}")["name"] == found["run"]["name"]
    finally:
        page.raw("DELETE", f"/runs/{found['run']['name']}")


def test_refused_by_the_cluster(page: Panel, cluster: Cluster) -> None:
    found = ended(page, start(page, "train", namespace="kube-system"))
    assert found["state"] == "failed", found
    assert found["error"]["stage"] == "target"
    assert page.refused(400, "POST", "/tasks", {"verb": "train", "notebook": "tiny.ipynb", "options": {"cpu": "lots"}})
    assert Path(page.server.root / "tiny.ipynb").exists()
