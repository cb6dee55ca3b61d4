"""The few requests that starting the cluster takes, as its admin, with the standard library alone.

What this is: JSON over urllib. What it is not: nbcontainer's client, which the tests are about.
"""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

import yaml

from tests.cluster.instance import ACCOUNT, NAMESPACE, Instance
from tests.cluster.objects import Object

PLURALS = {
    "Namespace": "namespaces", "ServiceAccount": "serviceaccounts", "Role": "roles", "RoleBinding": "rolebindings",
    "Service": "services", "EndpointSlice": "endpointslices", "APIService": "apiservices",
}
YEARS = 10 * 365 * 24 * 3600  # seconds for which the limited account's token holds


class Api:
    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self._context = ssl.create_default_context(cafile=str(instance.run / "pki/ca.crt"))
        self._token = yaml.safe_load(instance.admin.read_text())["users"][0]["user"]["token"]

    def call(self, method: str, path: str, body: Object | None = None, content: str = "application/json") -> Any:
        request = urllib.request.Request(
            f"{self.instance.server}{path}", json.dumps(body).encode() if body is not None else None,
            {"authorization": f"Bearer {self._token}", "content-type": content}, method=method,
        )
        with urllib.request.urlopen(request, context=self._context, timeout=10) as answer:
            data = answer.read()
        return json.loads(data) if data.startswith(b"{") else data.decode()

    def ready(self) -> bool:
        try:
            return bool(self.call("GET", "/readyz") == "ok")
        except OSError:
            return False

    def apply(self, thing: Object) -> None:
        """Server-side apply, so it may be repeated."""
        group, meta = thing["apiVersion"], thing["metadata"]
        path = f"/api/{group}" if "/" not in group else f"/apis/{group}"
        if meta.get("namespace"):
            path += f"/namespaces/{meta['namespace']}"
        path += f"/{PLURALS[thing['kind']]}/{meta['name']}?fieldManager=tests&force=true"
        self.call("PATCH", path, thing, "application/apply-patch+yaml")

    def token(self) -> str:
        """A token of the limited account."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": YEARS}}
        path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token"
        return str(self.call("POST", path, body)["status"]["token"])

    def schedulable(self) -> bool:
        """Whether the node is Ready and takes pods."""
        try:
            node = self.call("GET", f"/api/v1/nodes/{self.instance.name}")
        except OSError:
            return False
        conditions = node["status"].get("conditions", [])
        ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
        return ready and not node["spec"].get("taints")
