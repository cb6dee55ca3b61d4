"""Requests to a service from the page: its document, and one call.

What this is: HTTP over a port that the server holds, bounded in time and size. What it is not: a proxy: path and body
are all that a page chooses.
In the flow: request -> forward -> the service -> answer as JSON.
"""

from __future__ import annotations

import http.client
import json
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from nbcontainer.errors import TargetError, Unsupported, UsageError
from nbcontainer.model import RunStatus, Target
from nbcontainer.server.handler import allowed
from nbcontainer.server.parts import Parts
from nbcontainer.server.runs import NAME, RunsHandler, Where

PATH = re.compile(r"/[A-Za-z0-9/_.:-]*")
PATIENCE = 60.0  # seconds
LONGEST = 1 << 20  # bytes of an answer


@dataclass(frozen=True)
class Reply:
    status: int
    kind: str
    body: bytes
    cut: bool
    seconds: float

    @property
    def text(self) -> str:
        found = re.search(r"charset=\"?([\w.:-]+)", self.kind)
        try:
            return self.body.decode(found[1] if found else "utf-8", "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")


class ServiceHandler(RunsHandler):
    @allowed
    async def get(self, name: str) -> None:
        await self.answer(self.parts.slow.submit(document, self.parts, self.where, name))


class CallHandler(RunsHandler):
    @allowed
    async def post(self, name: str) -> None:
        words = self.body({"path": str, "body": object})
        if not PATH.fullmatch(words["path"]):
            raise UsageError(f"path {words['path']!r}: it must begin with '/' and hold letters, digits and /_.:-")
        await self.answer(self.parts.slow.submit(call, self.parts, self.where, name, words["path"], words["body"]))


def document(parts: Parts, where: Where, name: str) -> dict[str, Any]:
    """The service's OpenAPI document. Raises Unsupported where its image has none."""
    target = where.found(parts)
    reply = _ask(parts, target, name, "GET", "/openapi.json", None)
    try:
        found = json.loads(reply.text) if reply.status == 200 and not reply.cut else None
    except ValueError:
        found = None
    if not isinstance(found, dict) or "openapi" not in found:
        raise Unsupported(f"{name} does not describe itself: its image is of an older nbcontainer, or has a server of "
                          f"its own (GET /openapi.json: {reply.status})", "serve it again to get a form")
    return found


def call(parts: Parts, where: Where, name: str, path: str, body: Any) -> dict[str, Any]:
    reply = _ask(parts, where.found(parts), name, "POST", path, json.dumps(body).encode())
    return {"status": reply.status, "seconds": round(reply.seconds, 4), "body": reply.text, "kind": reply.kind,
            "cut": reply.cut}


def _ask(parts: Parts, target: Target, name: str, method: str, path: str, body: bytes | None) -> Reply:
    """One request to a ready replica, and the forward's own refusal as an error."""
    _check(parts.watches.status(target, name))
    url = parts.forwards.hold(target, name)
    try:
        reply = request(url, method, path, body)
    except (OSError, http.client.HTTPException) as error:
        why = f"no answer within {PATIENCE:g} s" if isinstance(error, TimeoutError) else str(error) or repr(error)
        raise TargetError(f"{name} does not answer {method} {path}: {why}", "see its log") from None
    told = _apology(reply)
    if told:
        raise TargetError(f"{name} can't be reached: {told}", "see its state and its log")
    return reply


def _check(status: RunStatus) -> None:
    if status.kind != "inference":
        raise Unsupported(f"{status.name} is a training run and answers no calls")
    if status.replicas.wanted == 0:
        raise TargetError(f"{status.name} has no replica", "scale it up first")
    if status.replicas.ready == 0:
        why = f": {status.reason}" if status.reason else ""
        raise TargetError(f"{status.name} has no ready replica{why}", "wait until one is ready, or see its log")


def request(url: str, method: str, path: str, body: bytes | None) -> Reply:
    """One request to `path` of the host of `url`. Raises OSError (TimeoutError when it takes long), HTTPException."""
    began = time.monotonic()
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=PATIENCE)
    try:
        headers = {"content-type": "application/json"} if body is not None else {}
        connection.request(method, path, body, {**headers, "accept": "*/*", "connection": "close"})
        line = connection.sock  # the response takes it over
        answer = connection.getresponse()
        data = b""
        while len(data) <= LONGEST and not answer.isclosed():
            left = began + PATIENCE - time.monotonic()
            if left <= 0:
                raise TimeoutError
            line.settimeout(left)
            chunk = answer.read1(1 << 16)
            if not chunk:
                break
            data += chunk
        kind = answer.headers.get("content-type", "")
        return Reply(answer.status, kind, data[:LONGEST], len(data) > LONGEST, time.monotonic() - began)
    finally:
        connection.close()


def _apology(reply: Reply) -> str:
    """What a forward says that finds no replica, "" for an answer of the service."""
    if reply.status != 503:
        return ""
    try:
        error = json.loads(reply.body)["error"]
        return str(error["message"]) if error["stage"] == TargetError.stage and "hint" in error else ""
    except (ValueError, KeyError, TypeError):
        return ""


ROUTES: list[tuple[str, type[Any]]] = [
    (rf"/runs/{NAME}/service", ServiceHandler),
    (rf"/runs/{NAME}/call", CallHandler),
]
