"""What the API server's refusals mean, as the project's errors.

What this is: HTTP answers and connection failures -> one line and what to do next. What it is not: why a pod waits
(doctor.py).
In the flow: below client.py.
"""

from __future__ import annotations

import json
import re
from typing import Any

from nbcontainer.errors import Forbidden, TargetError

_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Refused(TargetError):
    """An answer outside 2xx. `code` is the HTTP status, `status` the server's Status reason ("NotFound", ...)."""

    def __init__(self, message: str, hint: str = "", code: int = 0, status: str = "", wait: float = 0.0) -> None:
        super().__init__(message, hint)
        self.code = code
        self.status = status
        self.wait = wait  # seconds that the server asked to wait before the next try


class Unreachable(TargetError):
    """No answer at all."""


def from_answer(method: str, path: str, code: int, body: bytes, wait: float, namespace: str) -> TargetError:
    """The error that an answer outside 2xx stands for."""
    status = _status(body)
    message = str(status.get("message") or body[:300].decode("utf-8", "replace").strip() or f"HTTP {code}")
    if code == 401:
        return Refused("the cluster does not accept the credentials (401)", "log in to the cluster again", code)
    if code == 403 and "exceeded quota" not in message and "violates PodSecurity" not in message:
        return forbidden(method, path, message, namespace)
    if code == 403:
        return Refused(quota(message), "free some, ask for less, or ask the administrator", code, "Forbidden")
    reason = str(status.get("reason", ""))
    return Refused(f"the cluster refuses: {message}", code=code, status=reason, wait=wait)


def forbidden(method: str, path: str, message: str, namespace: str) -> Forbidden:
    found = re.search(r'User "([^"]*)" cannot (\w+) resource "([^"]*)"', message)
    verb = _VERBS.get(method, method.lower())
    who, verb, resource = found.groups() if found else ("this account", verb, _resource(path))
    if who == "system:anonymous":
        return Forbidden("the cluster does not know who asks: no credentials were sent", "log in to the cluster")
    return Forbidden(
        f"{who} may not {verb} {resource} in namespace {namespace}",
        "ask its administrator for the Role in docs/kubernetes-role.yaml",
    )


def quota(message: str) -> str:
    """'exceeded quota small: requested limits.memory=2Gi, used ..., limited ...' from the server's sentence."""
    found = re.search(r"exceeded quota: ([^,]+), (requested: .*)", message)
    return f"exceeded quota {found[1]}: {found[2]}" if found else message


def unreachable(error: Exception, host: str) -> TargetError:
    """The one line for a connection that failed; `host` is the API server's URL."""
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text or "SSLError" in text or "certificate" in text.lower():
        found = re.search(r"certificate verify failed: ([^(\n]*)", text)
        why = found[1].strip() if found else text
        return Unreachable(f"the cluster at {host} shows a certificate that is not trusted: {why}",
                           "check certificate-authority in the kubeconfig")
    return Unreachable(f"the cluster at {host} can't be reached: {_cause(text)}", "is it up, and is this its address?")


def _cause(text: str) -> str:
    for words, meaning in (
        ("Connection refused", "connection refused"),
        ("ConnectTimeout", "no answer"),
        ("timed out", "no answer in time"),
        ("Name or service not known", "no such host name"),
        ("getaddrinfo", "no such host name"),
        ("No route to host", "no route to it"),
        ("Network is unreachable", "the network is unreachable"),
        ("RemoteDisconnected", "it closed the connection"),
        ("Connection reset", "it closed the connection"),
    ):
        if words in text:
            return meaning
    return text


def _status(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and found.get("kind") == "Status" else {}


def _resource(path: str) -> str:
    """'deployments/scale' from '/apis/apps/v1/namespaces/x/deployments/y/scale'."""
    parts = path.split("/namespaces/", 1)[-1].split("/")
    return "/".join([*parts[1:2], *parts[3:4]]) or path
