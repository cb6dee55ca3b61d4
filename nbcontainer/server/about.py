"""What this server can do: its verbs, features and the targets that hold in a folder.

What this is: the route `capabilities`, by which a panel shows what there is and nothing else. What it is not: settings.
In the flow: settings of a notebook's folder -> JSON.
"""

from __future__ import annotations

from typing import Any

from nbcontainer import __version__
from nbcontainer.model import Target
from nbcontainer.options import VERBS
from nbcontainer.orchestrators import LogOptions
from nbcontainer.server.handler import ApiHandler, allowed
from nbcontainer.server.parts import Parts


class CapabilitiesHandler(ApiHandler):
    @allowed
    async def get(self) -> None:
        await self.reply(capabilities, self.parts, self.query("notebook"))


def capabilities(parts: Parts, notebook: str) -> dict[str, Any]:
    """What holds for the notebook `notebook`, "" = the server's root."""
    settings = parts.places.settings(notebook)
    return {
        "version": __version__,
        "boot": parts.bus.boot,
        "verbs": list(VERBS),
        "default_target": settings.target().name,
        "features": {
            "previous_log": "previous" in LogOptions.__dataclass_fields__,
            "workers": "workers" in VERBS["train"][0].__dataclass_fields__,
        },
        "targets": [target_json(settings.target(name)) for name in settings.targets],
    }


def target_json(target: Target) -> dict[str, Any]:
    """A target as the contract has it."""
    return {
        "name": target.name,
        "orchestrator": target.orchestrator,
        "namespace": target.namespace,
        "registry": target.registry,
        "context": target.context,
    }


ROUTES: list[tuple[str, type[Any]]] = [(r"/capabilities", CapabilitiesHandler)]

