"""The routes of tasks: begin, look, cancel or forget, begin again.

What this is: requests to the list of tasks. What it is not: the list (tasks.py).
In the flow: request -> Request -> tasks -> JSON.
"""

from __future__ import annotations

from typing import Any

from nbcontainer.server.handler import ApiHandler, allowed
from nbcontainer.server.parts import Parts
from nbcontainer.server.requests import FIELDS, read

ID = r"([0-9a-f]{16})"


class TasksHandler(ApiHandler):
    @allowed
    async def get(self) -> None:
        await self.reply(self.parts.tasks.listed)

    @allowed
    async def post(self) -> None:
        await self.reply(begin, self.parts, self.body(FIELDS), status=202)


class TaskHandler(ApiHandler):
    @allowed
    async def get(self, id: str) -> None:
        await self.reply(lambda: self.parts.tasks.get(id).as_json())

    @allowed
    async def delete(self, id: str) -> None:
        await self.answer(self.parts.slow.submit(lambda: self.parts.tasks.end(id).as_json()))


class RetryHandler(ApiHandler):
    @allowed
    async def post(self, id: str) -> None:
        await self.reply(again, self.parts, id, status=202)


def begin(parts: Parts, body: dict[str, Any]) -> dict[str, Any]:
    return parts.tasks.start(read(body, parts.places)).as_json()


def again(parts: Parts, id: str) -> dict[str, Any]:
    return parts.tasks.start(parts.tasks.retry(id)).as_json()


ROUTES: list[tuple[str, type[Any]]] = [
    (r"/tasks", TasksHandler),
    (rf"/tasks/{ID}", TaskHandler),
    (rf"/tasks/{ID}/retry", RetryHandler),
]
