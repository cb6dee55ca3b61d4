"""What all routes share: who may ask, how blocking work is done beside the event loop, how errors are answered.

What this is: the base of every REST handler. What it is not: a route (routes.py lists those), or the websocket
(channel.py).
In the flow: a request -> checked words -> *a blocking call in the quick pool* -> JSON.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from http.client import responses
from typing import TYPE_CHECKING, Any, NoReturn

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado.web import HTTPError, authenticated

from nbcontainer.errors import NbcontainerError, UsageError
from nbcontainer.server import refusals

if TYPE_CHECKING:
    from nbcontainer.server.parts import Parts

AUTH_RESOURCE = "nbcontainer"
PARTS = "nbcontainer_parts"  # where the server's settings hold them
_NAMES: Mapping[type, str] = {str: "text", int: "a number", bool: "true or false", dict: "an object", list: "a list"}


def allowed(method: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a handler's verb: for who is logged in, and whom the server's authorizer lets do this."""
    return authenticated(authorized(method))


class Refusing(JupyterHandler):
    """Whom every handler of ours lets in, whatever the server allows elsewhere, and how it refuses."""

    auth_resource = AUTH_RESOURCE

    async def prepare(self, **words: Any) -> None:
        try:
            await super().prepare(**words)
        except HTTPError as error:
            if error.status_code == 404:  # what the base says of another site's request
                raise HTTPError(403, "a request from another site") from None
            raise
        method = getattr(self, (self.request.method or "").lower(), None)
        if self.current_user is None and not getattr(method, "__allow_unauthenticated", False):
            raise HTTPError(403)

    def write_error(self, status_code: int, **words: Any) -> None:
        """Every error has the same shape, those of the server too."""
        error = words.get("exc_info", (None, None))[1]
        if isinstance(error, NbcontainerError):
            self.set_status(refusals.status_of(error))
            body = refusals.body_of(error)
        else:
            message = responses.get(status_code, "error")
            if isinstance(error, HTTPError):
                message = error.log_message or error.reason or message
            elif error is not None:
                message = f"{type(error).__name__}: {error}"
            body = refusals.body_of(refusals.Unexpected(message))
        self.finish(json.dumps(body))

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        """A refusal is one line; only what nobody foresaw has a traceback in the log."""
        if isinstance(error, NbcontainerError):
            self.log.info("nbcontainer: %s: %s", self.request.path, error)
        else:
            super().log_exception(kind, error, trace)


class ApiHandler(Refusing, APIHandler):
    """Blocking calls, their answers, and the words of a request."""

    @property
    def parts(self) -> Parts:
        found: Parts = self.settings[PARTS]
        return found

    async def reply(self, call: Callable[..., Any], *arguments: Any, status: int = 200) -> None:
        """Answer with the JSON of `call(*arguments)`, which may block; None is {}."""
        await self.answer(self.parts.quick.submit(call, *arguments), status=status)

    async def answer(self, coming: Any, *, status: int = 200) -> None:
        """Answer with what a future of the pools gives."""
        found = await asyncio.wrap_future(coming)
        self.set_status(status)
        self.finish(json.dumps({} if found is None else found))

    def query(self, name: str, default: str = "") -> str:
        """A query value as it was sent, unstripped."""
        return str(self.get_query_argument(name, default, strip=False))

    def number(self, name: str, default: int, low: int = 0, high: int = 2**53) -> int:
        """A query value that is a whole number of `low` to `high`."""
        text = self.query(name) or str(default)
        if not (text.isascii() and text.isdigit() and low <= int(text[:20]) <= high):
            raise UsageError(f"{name}={text}: it must be a number of {low} to {high}")
        return int(text)

    def choice(self, name: str, *choices: str) -> str:
        """A query value that is one of `choices`, the first when it isn't given."""
        text = self.query(name, choices[0])
        if text not in choices:
            raise UsageError(f"{name}={text}: it must be one of {', '.join(each or '(nothing)' for each in choices)}")
        return text

    def body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The request's JSON object: `fields` names each field's type, or (type, default) where it may be left out.

        `object` stands for any JSON value. Raises UsageError for what is missing, unknown or of another type.
        """
        try:
            found = json.loads(self.request.body or b"null", parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"the request is not JSON: {error}") from None
        if not isinstance(found, dict):
            raise UsageError("the request must be a JSON object")
        for name in found:
            if name not in fields:
                raise UsageError(f"no field {name!r}", f"known: {', '.join(fields)}")
        return {name: _field(name, kind, found) for name, kind in fields.items()}


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _field(name: str, kind: Any, found: Mapping[str, Any]) -> Any:
    needed = not isinstance(kind, tuple)
    wanted = kind if needed else kind[0]
    if name not in found:
        if needed:
            raise UsageError(f"the field {name!r} is missing")
        return kind[1]
    value = found[name]
    if wanted is not object and (not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool)):
        raise UsageError(f"{name}: it must be {_NAMES.get(wanted, wanted.__name__)}")
    return value

