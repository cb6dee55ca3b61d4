"""One private dockerd and one private podman for all tests here; each test that asks for `engine` runs on both."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nbcontainer.errors import NbcontainerError
from nbcontainer.image.store import Store
from nbcontainer.model import BuiltImage, Identity, Target, Workload, silent
from nbcontainer.orchestrators import Selector
from nbcontainer.orchestrators.local import Local
from tests.local import engines, images

Make = Callable[..., Workload]


@pytest.fixture(scope="package")  # an idle podman service ends by itself
def urls() -> Iterator[Callable[[str], str]]:
    """Engines by kind, started at the first use."""
    with ExitStack() as stack:
        started: dict[str, str] = {}

        def url(kind: str) -> str:
            if kind not in started:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nbc-")))
                start = engines.dockerd if kind == "docker" else engines.podman_service
                started[kind] = stack.enter_context(start(folder))
            return started[kind]

        yield url


@pytest.fixture(params=["docker", "podman"])
def engine(request: pytest.FixtureRequest, urls: Callable[[str], str]) -> str:
    """The URL of a real engine."""
    return urls(request.param)


@pytest.fixture
def local(engine: str) -> Iterator[Local]:
    """The orchestrator; whatever a test leaves running is removed."""
    runner = Local(Target("local", "local", engine=engine))
    yield runner
    for run in runner.find(Selector()):
        try:
            runner.stop(run.name)
        except NbcontainerError:
            pass
    assert not runner.engine.api.containers(all=True), "containers were left behind"
    left = runner.engine.api.volumes()["Volumes"]
    assert not left, "volumes were left behind"
    runner.engine.api.close()


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def built(store: Store) -> BuiltImage:
    return images.image(store)


@pytest.fixture
def make(local: Local, built: BuiltImage) -> Make:
    """Makes workloads of the stub image, which is loaded."""
    reference = local.load(built, "nbcontainer/digits", silent)
    word = secrets.token_hex(3)

    def workload(kind: Any = "training", script: str = "", **more: Any) -> Workload:
        args = ("train",) if kind == "training" else ("serve",)
        identity = Identity("0123abcd", "digits", "nb/digits.ipynb", "ann")
        found = Workload(kind, f"digits-{word}", identity, reference, args)
        env = {**more.pop("env", {}), **({"SCRIPT": script} if script else {})}
        return replace(found, env=env, **more)

    return workload
