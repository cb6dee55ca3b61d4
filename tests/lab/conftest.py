"""Fixtures: a Chromium, and desks whose target is the test cluster.

Pictures that a test takes go to the folder that NBCONTAINER_SCREENSHOTS names, else to the test's own folder.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cluster
from tests.lab.desk import ROOT, Desk
from tests.support import require

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    require(program, "a Chromium: python -m tests.prepare")
    require((ROOT / "nbcontainer" / "labextension" / "package.json").exists(), "the built panel: make panel")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield found
        found.close()


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all desks: the layers that every image here shares are packed once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def target(cluster: Cluster) -> str:
    """Settings with the test cluster as the default target, as the limited account."""
    return settings(cluster, cluster.registry)


def settings(cluster: Cluster, registry: str) -> str:
    return (
        f'target = "test"\n[targets.test]\norchestrator = "kubernetes"\nkubeconfig = "{cluster.kubeconfig}"\n'
        f'namespace = "{cluster.restricted}"\nregistry = "{registry}/lab-{secrets.token_hex(3)}"\nplain_http = true\n'
    )


@pytest.fixture
def desk(tmp_path: Path, cache: Path) -> Iterator[Callable[..., Desk]]:
    """Makes desks; their servers end with the test."""
    yield from _desks(tmp_path, cache)


@pytest.fixture(scope="module")
def shared_desk(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Callable[..., Desk]]:
    """The same for the tests of a module that leave their desk as they found it."""
    yield from _desks(tmp_path_factory.mktemp("desks"), cache)


def _desks(root: Path, cache: Path) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def make(**words: Any) -> Desk:
        place = root / f"desk{len(made)}"
        place.mkdir()
        found = Desk(place, env={"NBCONTAINER_CACHE": str(cache), **words.pop("env", {})}, **words)
        made.append(found)
        return found

    yield make
    try:
        for each in made:
            each.clear()
    finally:
        for each in made:
            each.stop()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    named = os.environ.get("NBCONTAINER_SCREENSHOTS")
    place = Path(named) if named else tmp_path / "pictures"
    place.mkdir(parents=True, exist_ok=True)
    return place
