"""The routes of runs: the list, one run, scale, stop, forward.

What this is: queries to a watch's windows and a run's verbs, and runs as JSON. What it is not: the watch (watch.py) or
what a verb does (the orchestrator).
In the flow: request -> watch or Run -> JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbcontainer import names, show
from nbcontainer.errors import UsageError
from nbcontainer.model import RunStatus, Target
from nbcontainer.orchestrators import orchestrator
from nbcontainer.run import Run
from nbcontainer.server.about import target_json
from nbcontainer.server.handler import ApiHandler, allowed
from nbcontainer.server.parts import Parts
from nbcontainer.server.watch import Filter

NAME = r"([a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)"
PHASES = ("Pending", "Running", "Succeeded", "Failed", "Stopped")
MOST = 500
DEEPEST = 10_000  # replicas


@dataclass(frozen=True)
class Where:
    """Where a request's runs are: words of its query."""

    notebook: str
    target: str
    namespace: str

    def found(self, parts: Parts) -> Target:
        return parts.places.target(self.notebook, self.target, self.namespace)


class RunsHandler(ApiHandler):
    """What every route of one run begins with."""

    @property
    def where(self) -> Where:
        return Where(self.query("notebook"), self.query("target"), self.query("namespace"))


class ListHandler(RunsHandler):
    @allowed
    async def get(self) -> None:
        which = Filter(
            kind=self.choice("kind", "", "training", "inference"), phase=self.choice("phase", "", *PHASES),
            q=self.query("q")[:1000],
        )
        mine = self.choice("of", "all", "notebook") == "notebook"
        offset, limit = self.number("offset", 0), self.number("limit", 100, 1, MOST)
        await self.reply(window, self.parts, self.where, which, mine, offset, limit)


class RunHandler(RunsHandler):
    @allowed
    async def get(self, name: str) -> None:
        await self.answer(self.parts.slow.submit(status, self.parts, self.where, name))

    @allowed
    async def delete(self, name: str) -> None:
        await self.answer(self.parts.slow.submit(stop, self.parts, self.where, name))


class ScaleHandler(RunsHandler):
    @allowed
    async def post(self, name: str) -> None:
        replicas = self.body({"replicas": int})["replicas"]
        if not 0 <= replicas <= DEEPEST:
            raise UsageError(f"replicas: it must be a number of 0 to {DEEPEST}")
        await self.answer(self.parts.slow.submit(scale, self.parts, self.where, name, replicas))


class ForwardHandler(RunsHandler):
    @allowed
    async def post(self, name: str) -> None:
        await self.answer(self.parts.slow.submit(hold, self.parts, self.where, name))

    @allowed
    async def delete(self, name: str) -> None:
        await self.reply(release, self.parts, self.where, name)


def window(parts: Parts, where: Where, which: Filter, mine: bool, offset: int, limit: int) -> dict[str, Any]:
    target = where.found(parts)
    if mine:
        if not where.notebook:
            raise UsageError("of=notebook: which notebook?", "name its path on the server")
        path = parts.places.folder(where.notebook) / where.notebook.rpartition("/")[2]
        which = Filter(names.identity(path).id, which.kind, which.phase, which.q)
    watch = parts.watches.of(target)
    state = watch.state()  # before the runs: a change between the two is told again
    found = watch.window(which, offset, limit)
    return {
        "topic": watch.topic, "state": state, "target": target_json(target), "total": found.total,
        "counts": found.counts, "offset": offset, "runs": [run_json(parts, target, each) for each in found.runs],
    }


def status(parts: Parts, where: Where, name: str) -> dict[str, Any]:
    target = where.found(parts)
    return run_json(parts, target, orchestrator(target).status(name))


def scale(parts: Parts, where: Where, name: str, replicas: int) -> dict[str, Any]:
    target = where.found(parts)
    run = _run(target, name).scale(replicas)
    parts.watches.ahead(target, run.last)
    return run_json(parts, target, run.last)


def stop(parts: Parts, where: Where, name: str) -> dict[str, Any]:
    target = where.found(parts)
    last = _run(target, name).stop()
    parts.forwards.release(target, name)
    parts.watches.ahead(target, last, stopped=True)
    return run_json(parts, target, last)


def hold(parts: Parts, where: Where, name: str) -> dict[str, Any]:
    return {"url": parts.forwards.hold(where.found(parts), name)}


def release(parts: Parts, where: Where, name: str) -> dict[str, Any]:
    parts.forwards.release(where.found(parts), name)
    return {"url": ""}


def _run(target: Target, name: str) -> Run:
    """The handle of that very run of the target that the page shows."""
    runner = orchestrator(target)
    return Run(runner, runner.status(name))


def run_json(parts: Parts, target: Target, status: RunStatus) -> dict[str, Any]:
    """A run as the contract has it."""
    return {
        **status.as_json(), "notebook": status.notebook, "notebook_path": status.notebook_path,
        "owner": status.owner, "forward": parts.forwards.url(target, status.name), "reattach": show.reattach(status),
    }


ROUTES: list[tuple[str, type[Any]]] = [
    (r"/runs", ListHandler),
    (rf"/runs/{NAME}", RunHandler),
    (rf"/runs/{NAME}/scale", ScaleHandler),
    (rf"/runs/{NAME}/forward", ForwardHandler),
]
