"""The objects that every test finds: namespaces, the limited account with the documented Role, metrics-server.

What this is: data, and docs/kubernetes-role.yaml as it is. What it is not: how they come into the cluster (api.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.cluster.instance import ACCOUNT, NAMESPACE, RESTRICTED, Instance

ROLE = Path(__file__).parents[2] / "docs/kubernetes-role.yaml"
Object = dict[str, Any]


def everything(instance: Instance) -> list[Object]:
    """All of them, in an order in which they can be made."""
    level = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    found = [_namespace(NAMESPACE, {}), _namespace(RESTRICTED, level)]
    for namespace in (NAMESPACE, RESTRICTED):
        found += _account(namespace)
    return [*found, *_metrics(instance)]


def _namespace(name: str, labels: dict[str, str]) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _account(namespace: str) -> list[Object]:
    """The account of each namespace, and the one of the test namespace in both."""
    subjects = [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": each} for each in {NAMESPACE, namespace}]
    role = yaml.safe_load(ROLE.read_text())
    role["metadata"]["namespace"] = namespace
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": namespace}},
        role,
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": ACCOUNT, "namespace": namespace}, "subjects": subjects,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role["metadata"]["name"]},
        },
    ]


def _metrics(instance: Instance) -> list[Object]:
    """metrics-server is no pod: a Service without selector leads to it."""
    name, space = "metrics-server", "kube-system"
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": space},
         "spec": {"ports": [{"port": 443, "targetPort": 4443}]}},
        {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
         "metadata": {"name": f"{name}-1", "namespace": space, "labels": {"kubernetes.io/service-name": name}},
         "addressType": "IPv4", "ports": [{"port": 4443, "name": ""}],
         "endpoints": [{"addresses": [instance.node], "conditions": {"ready": True}}]},
        {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
         "metadata": {"name": "v1beta1.metrics.k8s.io"},
         "spec": {"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
                  "insecureSkipTLSVerify": True, "service": {"name": name, "namespace": space}}},
    ]
