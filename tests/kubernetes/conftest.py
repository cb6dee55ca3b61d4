"""Fixtures: a scripted API server for the tests at the wire, and runs on a real cluster for those named test_real_*."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Cluster

from .real import Runs, push_stub
from .wire import Exchange, Wire

Serve = Callable[[Callable[[Exchange], None]], Wire]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    wires: list[Wire] = []

    def start(answer: Callable[[Exchange], None]) -> Wire:
        wires.append(Wire(answer, tmp_path))
        return wires[-1]

    yield start
    for each in wires:
        each.close()


@pytest.fixture(scope="session")
def stub(cluster: Cluster) -> str:
    """The image of image/main.go in the cluster's registry, by digest."""
    return push_stub(cluster.registry)


@pytest.fixture
def runs(cluster: Cluster, stub: str) -> Iterator[Runs]:
    """Workloads in the test namespace as the limited account; what a test leaves of them is removed after it."""
    found = Runs(cluster, stub, cluster.namespace)
    yield found
    found.clear()


@pytest.fixture
def restricted(cluster: Cluster, stub: str) -> Iterator[Runs]:
    """The same in the namespace where Pod Security's `restricted` level is enforced."""
    found = Runs(cluster, stub, cluster.restricted)
    yield found
    found.clear()


@pytest.fixture
def private(cluster: Cluster, stub: str) -> Iterator[Runs]:
    """The same in a namespace that is this test's alone; the admin made it."""
    found = Runs(cluster, stub, f"{cluster.namespace}-private")
    found.make_namespace()
    yield found
    found.clear()
    found.kubectl("delete", "namespace", found.namespace, "--wait=false")
