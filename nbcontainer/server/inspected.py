"""The route of a notebook's inspection: what it would become, and what was last asked for it.

What this is: the api's check as JSON, with the remembered options. What it is not: the check.
In the flow: a saved notebook -> api.check -> JSON.
"""

from __future__ import annotations

from typing import Any

from nbcontainer.options import CheckOptions
from nbcontainer.server.handler import ApiHandler, allowed
from nbcontainer.server.parts import Parts


class NotebookHandler(ApiHandler):
    @allowed
    async def get(self) -> None:
        words = [self.query(name) for name in ("notebook", "target", "namespace", "base")]
        await self.answer(self.parts.slow.submit(inspected, self.parts, *words))


def inspected(parts: Parts, notebook: str, target: str, namespace: str, base: str) -> dict[str, Any]:
    from nbcontainer import api
    from nbcontainer.session import Session

    path = parts.places.notebook(notebook)
    found = api.check(CheckOptions(notebook=str(path), target=target, namespace=namespace, base=base), Session())
    return {**found.as_json(), "notebook": notebook, "last": parts.tasks.remembered.last(found.identity.id)}


ROUTES: list[tuple[str, type[Any]]] = [(r"/notebook", NotebookHandler)]
