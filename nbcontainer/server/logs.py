"""The routes of logs: open, a window of lines, search, download.

What this is: requests to a spool. What it is not: the spool.
In the flow: request -> spool -> lines.
"""

from __future__ import annotations

import asyncio
from typing import Any

from tornado.iostream import StreamClosedError

from nbcontainer.errors import UsageError
from nbcontainer.server.handler import ApiHandler, allowed
from nbcontainer.server.parts import Parts
from nbcontainer.server.spool import Spool

ID = r"([0-9a-f]{16})"
WINDOW = 2000
MATCHES = 10_000
LONGEST = 1000  # characters to search for


class OpenHandler(ApiHandler):
    @allowed
    async def post(self) -> None:
        words = self.body({"name": str, "target": (str, ""), "namespace": (str, ""), "pod": (str, ""),
                           "previous": (bool, False)})
        await self.answer(self.parts.slow.submit(open_log, self.parts, self.query("notebook"), words))


class WindowHandler(ApiHandler):
    @allowed
    async def get(self, id: str) -> None:
        first, count = self.number("from", 0), self.number("count", 500, 1, WINDOW)
        await self.reply(self.parts.logs.get(id).file.window, first, count)


class SearchHandler(ApiHandler):
    @allowed
    async def get(self, id: str) -> None:
        q = self.query("q")
        if not 0 < len(q) <= LONGEST:
            raise UsageError(f"q: it must have 1 to {LONGEST} characters")
        first, limit = self.number("from", 0), self.number("limit", 1000, 1, MATCHES)
        await self.reply(self.parts.logs.get(id).file.search, q, first, limit)


class DownloadHandler(ApiHandler):
    @allowed
    async def get(self, id: str) -> None:
        spool = self.parts.logs.get(id)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Disposition", f'attachment; filename="{_file_name(spool)}"')
        chunks = spool.file.chunks()
        try:
            while True:
                chunk = await asyncio.wrap_future(self.parts.quick.submit(next, chunks, None))
                if chunk is None:
                    break
                self.write(chunk)
                await self.flush()
                self.parts.logs.get(id)  # it is in use
        except StreamClosedError:
            return  # nobody reads any more
        finally:
            chunks.close()
        self.finish()

    def finish(self, *arguments: Any, **words: Any) -> Any:
        """Text keeps its own content type, errors have JSON's."""
        kind = str(self._headers.get("Content-Type", ""))
        if kind.startswith("text/plain"):
            words["set_content_type"] = kind
        return super().finish(*arguments, **words)


def open_log(parts: Parts, notebook: str, words: dict[str, Any]) -> dict[str, Any]:
    target = parts.places.target(notebook, words["target"], words["namespace"])
    state: dict[str, Any] = parts.logs.open(target, words["name"], words["pod"], words["previous"])
    return state


def _file_name(spool: Spool) -> str:
    """Names of runs and pods are plain letters, digits, '-' and '.'."""
    parts = (spool.name, spool.pod.removeprefix(spool.name).strip("-"), "previous" if spool.previous else "")
    return "-".join(part for part in parts if part) + ".log"


ROUTES: list[tuple[str, type[Any]]] = [
    (r"/logs", OpenHandler),
    (rf"/logs/{ID}", WindowHandler),
    (rf"/logs/{ID}/search", SearchHandler),
    (rf"/logs/{ID}/download", DownloadHandler),
]
