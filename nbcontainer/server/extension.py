"""The extension as Jupyter servers start and stop it.

What this is: the parts made at the start, the routes given to the server, the end. What it is not: a route.
In the flow: `jupyter server` or JupyterLab -> *this* -> handlers -> api.
"""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_server.extension.application import ExtensionApp

from nbcontainer import __version__
from nbcontainer.server.handler import PARTS
from nbcontainer.server.parts import Parts


class Nbcontainer(ExtensionApp):
    """Adds the routes to whichever server it is part of; it has no page of its own."""

    name = "nbcontainer"
    version = __version__
    open_browser = False
    parts: Parts | None = None

    def initialize_settings(self) -> None:
        assert self.serverapp is not None
        self.parts = Parts(Path(os.path.expanduser(self.serverapp.root_dir)), self.log)
        self.settings[PARTS] = self.parts

    def initialize_handlers(self) -> None:
        from nbcontainer.server.routes import routes

        self.handlers.extend(routes())

    async def stop_extension(self) -> None:
        if self.parts is not None:
            await self.parts.close()
