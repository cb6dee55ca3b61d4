"""The Jupyter server extension: what the JupyterLab panel talks to.

What this is: the hook by which a Jupyter server finds the extension. What it is not: the panel (labextension/), or any
step of the work: that is the api's, as for the other doors.
In the flow: a door. Importing this imports nothing else.
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from nbcontainer.server.extension import Nbcontainer

    return [{"module": "nbcontainer.server.extension", "app": Nbcontainer}]
