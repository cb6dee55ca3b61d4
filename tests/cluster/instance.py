"""One cluster's names, addresses and folders, all made from its number; several can run side by side.

What this is: plain values. What it is not: the starting of anything. NBCONTAINER_CLUSTER_INSTANCE (0 to 99) chooses
the number; every address lies in 10.201.N.0/24 (node), 10.202.N.0/24 (pods) and 10.203.N.0/24 (services).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

NAMESPACE = "nbcontainer-test"
RESTRICTED = "nbcontainer-restricted"
ACCOUNT = "nbcontainer"
ALIAS = "registry.nbcontainer.test"  # a registry name that only the node's containerd knows


def cache() -> Path:
    """Where programs and state lie; everything here may be deleted while no cluster is up."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home).absolute() / "nbcontainer" / "cluster"


@dataclass(frozen=True)
class Instance:
    number: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.number <= 99:
            raise ValueError(f"NBCONTAINER_CLUSTER_INSTANCE is {self.number}, not 0 to 99")

    @classmethod
    def chosen(cls) -> Instance:
        return cls(int(os.environ.get("NBCONTAINER_CLUSTER_INSTANCE", "0")))

    @property
    def name(self) -> str:
        """The node, the host's end of its link, and the control group."""
        return f"nbc{self.number}"

    @property
    def node(self) -> str:
        return f"10.201.{self.number}.1"

    @property
    def host(self) -> str:
        """This machine as the node and the pods see it."""
        return f"10.201.{self.number}.2"

    @property
    def pods(self) -> str:
        return f"10.202.{self.number}.0/24"

    @property
    def services(self) -> str:
        return f"10.203.{self.number}.0/24"

    @property
    def api_service(self) -> str:
        return f"10.203.{self.number}.1"

    @property
    def server(self) -> str:
        return f"https://{self.node}:6443"

    @property
    def registry(self) -> str:
        """One name for host, node and pods; plain http."""
        return f"{self.node}:5000"

    @property
    def pause(self) -> str:
        return f"{self.registry}/pause:1"

    @property
    def state(self) -> Path:
        return cache() / "state" / str(self.number)

    @property
    def run(self) -> Path:
        """What lives as long as the cluster: configuration, keys, logs, data."""
        return self.state / "run"

    @property
    def admin(self) -> Path:
        """The kubeconfig that may do everything."""
        return self.run / "admin.conf"

    @property
    def limited(self) -> Path:
        """The kubeconfig of the account that has the documented Role in both namespaces, and nothing else."""
        return self.run / "limited.conf"
