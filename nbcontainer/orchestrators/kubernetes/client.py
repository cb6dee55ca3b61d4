"""Requests to the API server: JSON in, JSON out, retried where that is safe.

What this is: paths, retries, error mapping and the server's clock over one pooled connection. What it is not: a model
of Kubernetes (objects are dicts) or a watch (reflector.py).
In the flow: below everything that talks to a cluster.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlencode

from nbcontainer.model import Target
from nbcontainer.orchestrators.kubernetes import errors
from nbcontainer.orchestrators.kubernetes.connection import Connection, connect

Object = dict[str, Any]
Query = Mapping[str, Any]

GROUPS = {
    "jobs": "/apis/batch/v1",
    "deployments": "/apis/apps/v1",
    "services": "/api/v1",
    "pods": "/api/v1",
    "events": "/api/v1",
}
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
TRIES = 4
PATIENCE = 8.0  # seconds after which a failed request is not tried again
PAGE = 500


class Client:
    """One target's API server. Threads may share it."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._clock: tuple[float, float] | None = None  # server time, monotonic time

    @property
    def connection(self) -> Connection:
        with self._lock:
            if self._connection is None:
                self._connection = connect(self.target)
            return self._connection

    @property
    def namespace(self) -> str:
        return self.connection.namespace

    def now(self) -> datetime:
        """The API server's time (to the second); this machine's before the first answer."""
        if self._clock is None:
            return datetime.now(timezone.utc)
        server, then = self._clock
        return datetime.fromtimestamp(server + time.monotonic() - then, timezone.utc)

    def path(self, resource: str, name: str = "", sub: str = "") -> str:
        """'/apis/batch/v1/namespaces/NS/jobs/NAME/status'."""
        parts = [GROUPS[resource], "namespaces", quote(self.namespace, safe=""), resource]
        return "/".join([*parts, *(quote(each, safe="") for each in (name, sub) if each)])

    # ---------------------------------------------------------------- verbs
    def get(self, resource: str, name: str) -> Object | None:
        """The object, None when there is none."""
        try:
            return self.call("GET", self.path(resource, name))
        except errors.Refused as error:
            if error.code == 404:
                return None
            raise

    def items(self, resource: str, **query: Any) -> list[Object]:
        """All objects that match, page by page."""
        found: list[Object] = []
        more = ""
        while True:
            page = {"limit": PAGE, **query, **({"continue": more} if more else {})}
            answer = self.call("GET", self.path(resource), page)
            found += answer.get("items") or []
            more = answer.get("metadata", {}).get("continue", "")
            if not more:
                return found

    def create(self, resource: str, body: Object) -> Object:
        """Create `body`. A second try may meet its own first: Refused with code 409 then, as for any other clash."""
        return self.call("POST", self.path(resource), {"fieldManager": "nbcontainer"}, body)

    def apply(self, resource: str, body: Object) -> Object:
        """Server-side apply: create or update, the same result however often."""
        query = {"fieldManager": "nbcontainer", "force": "true"}
        return self.call("PATCH", self.path(resource, body["metadata"]["name"]), query, body, APPLY)

    def merge(self, resource: str, name: str, body: Object, sub: str = "") -> Object:
        """A JSON merge patch with absolute values."""
        query = {"fieldManager": "nbcontainer"}
        return self.call("PATCH", self.path(resource, name, sub), query, body, MERGE)

    def delete(self, resource: str, name: str, uid: str, propagation: str = "Background") -> bool:
        """Delete that very object (by its uid); False when it was gone already."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation,
                "preconditions": {"uid": uid}}
        try:
            self.call("DELETE", self.path(resource, name), {}, body)
        except errors.Refused as error:
            if error.code in (404, 409):  # 409: the name belongs to a newer object
                return False
            raise
        return True

    # ---------------------------------------------------------------- one request
    def call(self, method: str, path: str, query: Query | None = None, body: Object | None = None,
             content: str = "application/json", *, patient: bool = True) -> Object:
        """One request, tried again on a lost connection, 429 and 5xx: every body we send may arrive twice.

        `patient` False: one try, for a caller that has pauses of its own.
        """
        began = time.monotonic()
        for attempt in range(1, TRIES + 1):
            try:
                answer = self.open(method, path, query, body, content)
                data = _read(answer, self.connection.host)
                return json.loads(data) if data else {}
            except (errors.Unreachable, errors.Refused) as error:
                code = getattr(error, "code", 0)
                final = not patient or attempt == TRIES or time.monotonic() - began > PATIENCE
                if final or not (code == 0 or code == 429 or code >= 500):
                    raise
                pause = max(getattr(error, "wait", 0.0), 0.2 * 2**attempt) * random.uniform(0.8, 1.2)
                time.sleep(min(pause, PATIENCE))
        raise AssertionError("unreachable")

    def open(self, method: str, path: str, query: Query | None = None, body: Object | None = None,
             content: str = "application/json", *, read: float = 30.0) -> Any:
        """One try, the body unread: a urllib3 response with a 2xx status. `read` is the longest silence in seconds.

        Raises Unreachable, Refused or Forbidden.
        """
        import urllib3
        import urllib3.exceptions

        connection = self.connection
        url = f"{connection.host}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"accept": "application/json, */*", "user-agent": "nbcontainer", **connection.authorization()}
        if body is not None:
            headers["content-type"] = content
        try:
            response = connection.pool.request(
                method, url, body=json.dumps(body).encode() if body is not None else None, headers=headers,
                preload_content=False, retries=False, timeout=urllib3.Timeout(connect=5.0, read=read),
            )
            self._set_clock(response.headers.get("date", ""))
            if 200 <= response.status < 300:
                return response
            data, wait = response.read(100_000), response.headers.get("retry-after", "")
            response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise errors.unreachable(error, connection.host) from None
        seconds = float(wait) if wait.isdigit() else 0.0
        raise errors.from_answer(method, path, response.status, data, seconds, connection.namespace)

    def _set_clock(self, date: str) -> None:
        try:
            self._clock = (parsedate_to_datetime(date).timestamp(), time.monotonic())
        except (TypeError, ValueError):
            pass


def _read(response: Any, host: str) -> bytes:
    import urllib3.exceptions

    try:
        data: bytes = response.read()
        response.release_conn()
        return data
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise errors.unreachable(error, host) from None
