"""What several folders of tests share: a real cluster and its registry, and how several processes share the work.

What this is: the cluster of tests/cluster, started when it isn't up and stopped by who started it, or another one that
NBCONTAINER_TEST_KUBECONFIG names. What it is not: a fake of any of it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nbcontainer.model import Target
from tests.cluster import build, control
from tests.cluster.instance import ALIAS, NAMESPACE, RESTRICTED, Instance
from tests.support import require


@dataclass(frozen=True)
class Cluster:
    """`kubeconfig` is the limited account's, which has docs/kubernetes-role.yaml in both namespaces and nothing else.

    `registry` is plain http, the same name from host, node and pods. `alias` is another name of it that only the node
    knows, "" where there is none.
    """

    kubeconfig: Path
    admin: Path
    registry: str
    namespace: str = NAMESPACE
    restricted: str = RESTRICTED
    alias: str = ""
    kubectl: str = "kubectl"

    def target(self, namespace: str = "", admin: bool = False, name: str = "test") -> Target:
        """A target whose orchestrator works here."""
        return Target(
            name=name, orchestrator="kubernetes", registry=self.registry, plain_http=True,
            kubeconfig=str(self.admin if admin else self.kubeconfig), namespace=namespace or self.namespace,
        )


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A ready cluster. Skips where none can run (fails in CI)."""
    named = os.environ.get("NBCONTAINER_TEST_KUBECONFIG", "")
    if named:
        admin = os.environ.get("NBCONTAINER_TEST_ADMIN_KUBECONFIG", named)
        registry = os.environ.get("NBCONTAINER_TEST_REGISTRY", "")
        require(registry, "NBCONTAINER_TEST_KUBECONFIG needs NBCONTAINER_TEST_REGISTRY, plain http, from host and node")
        yield Cluster(Path(named), Path(admin), registry)
        return
    require(not control.missing(), control.missing())
    instance, programs = Instance.chosen(), build.built()
    assert programs
    with control.used(instance):
        kubectl = str(programs / "kubectl")
        yield Cluster(instance.limited, instance.admin, instance.registry, alias=ALIAS, kubectl=kubectl)


@pytest.fixture(scope="session")
def registry(cluster: Cluster) -> str:
    """The cluster's registry, "HOST:PORT": plain http, the same name from host, node and pods."""
    return cluster.registry


# ---------------------------------------------------------------- several processes (`pytest -n 2`)
@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """A cluster that is named is one process's: tests set quotas for its namespaces and look for what is left there."""
    if os.environ.get("NBCONTAINER_TEST_KUBECONFIG") and getattr(config.option, "numprocesses", None):
        config.option.numprocesses = 0


def pytest_configure(config: pytest.Config) -> None:
    """Each worker has a test cluster of its own, for the same reason; an idle one costs next to nothing.

    And what tests start hears Ctrl-C, also where the tests run in a shell's background, which has it ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    number = int(getattr(config, "workerinput", {}).get("workerid", "gw0").removeprefix("gw"))
    if number:
        os.environ["NBCONTAINER_CLUSTER_INSTANCE"] = str((Instance.chosen().number + 25 * number) % 97)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A module is one worker's; so are all that start engines, as podman's services share the machine's locks.

    The folders that use a cluster come first: the longest modules, and short ones are left to even out the end.
    """
    if not hasattr(config, "workerinput"):
        return
    engines, clusters = _using(items, "engine"), _using(items, "cluster")
    folders = {path.parent for path in clusters}
    for item in items:
        item.add_marker(pytest.mark.xdist_group("engines" if item.path in engines else item.nodeid.partition("::")[0]))
    items.sort(key=lambda item: item.path.parent not in folders)


def _using(items: list[pytest.Item], fixture: str) -> set[Path]:
    """The modules that have a test with this fixture."""
    return {item.path for item in items if fixture in getattr(item, "fixturenames", ())}
