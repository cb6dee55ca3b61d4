"""Where the cluster is and who we are there: kubeconfig or the pod's own account, through the official client.

What this is: a Target -> host, TLS, credentials and namespace. What it is not: requests (client.py).
In the flow: the first step of every verb on a cluster. The official client reads the files, runs credential plug-ins
and renews tokens; only its configuration is imported (0.25 s), none of its 800 models are used.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbcontainer.errors import ConfigError, one_line
from nbcontainer.model import Target

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Connection:
    """`configuration` is the official client's; `pool` its urllib3 pool manager, set up for TLS and proxies."""

    configuration: Any
    pool: Any
    namespace: str

    @property
    def host(self) -> str:
        return str(self.configuration.host)

    def authorization(self) -> dict[str, str]:
        """The header to send now; expired tokens are renewed."""
        key = self.configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        return {"authorization": key} if key else {}


def connect(target: Target) -> Connection:
    """Read the configuration; no packet is sent. Raises ConfigError without the extra or a cluster.

    Order: the target's kubeconfig, KUBECONFIG, ~/.kube/config, the account of the pod we run in.
    """
    try:
        from kubernetes.client.configuration import Configuration
        from kubernetes.client.rest import RESTClientObject
    except ImportError as error:
        raise ConfigError(
            f"target '{target.name}' needs the kubernetes package ({error})", "pip install 'nbcontainer[kubernetes]'"
        ) from None
    configuration = Configuration()
    configuration.keep_alive = True  # a silent watch or log outlives what sits between us and the server
    files = _files(target)
    namespace = _from_files(files, target, configuration) if files else _from_pod(target, configuration)
    try:
        pool = RESTClientObject(configuration).pool_manager
    except (OSError, ValueError) as error:
        raise ConfigError(f"target '{target.name}': {one_line(str(error))}") from None
    return Connection(configuration, pool, target.namespace or namespace or "default")


def _files(target: Target) -> str:
    """The kubeconfig files, joined as KUBECONFIG has them; "" when there is none and nobody named one."""
    named = target.kubeconfig or os.environ.get("KUBECONFIG", "")
    if named:
        paths = [Path(each).expanduser() for each in named.split(os.pathsep) if each]
        if not any(path.is_file() for path in paths):
            raise ConfigError(f"target '{target.name}': no kubeconfig at {named}", "check kubeconfig or KUBECONFIG")
        return os.pathsep.join(str(path) for path in paths)
    usual = Path.home() / ".kube" / "config"
    return str(usual) if usual.is_file() else ""


def _from_files(files: str, target: Target, configuration: Any) -> str:
    """Fill `configuration` from kubeconfig `files`; gives the context's namespace."""
    import yaml

    kube = _official()
    try:
        contexts, current = kube.list_kube_config_contexts(files)
        wanted = target.context or current["name"]
        context = next((each for each in contexts if each["name"] == wanted), None)
        if context is None:
            names = ", ".join(each["name"] for each in contexts)
            raise ConfigError(f"target '{target.name}': {files} has no context '{wanted}'", f"it has: {names}")
        with _quiet():
            kube.load_kube_config(files, context=wanted, client_configuration=configuration)
    except (kube.ConfigException, yaml.YAMLError, KeyError, TypeError, ValueError, OSError) as error:
        raise ConfigError(
            f"target '{target.name}': {files} names no usable cluster: {one_line(str(error))}",
            "check it with: kubectl config view",
        ) from None
    return str(context["context"].get("namespace") or "")


def _from_pod(target: Target, configuration: Any) -> str:
    kube = _official()
    try:
        kube.load_incluster_config(client_configuration=configuration)
    except (kube.ConfigException, OSError) as error:
        raise ConfigError(
            f"target '{target.name}': no cluster is configured here: no kubeconfig, and {_lower(str(error))}",
            "set KUBECONFIG, or the target's kubeconfig",
        ) from None
    try:
        return (ACCOUNT / "namespace").read_text().strip()
    except OSError:
        return ""


def _official() -> Any:
    """kubernetes.config, which has no annotations."""
    from kubernetes import config

    return config


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")


class _quiet:
    """The official client logs a failed credential plug-in to the root logger; the request's 401 tells enough."""

    def __enter__(self) -> None:
        self.before = logging.root.manager.disable
        logging.disable(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        logging.disable(self.before)
