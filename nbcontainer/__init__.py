"""nbcontainer: the current notebook and what it needs as an OCI image, pushed and run.

What this is: the public names, each imported on use, and the hook for `%load_ext nbcontainer`. What it is not: code.
In the flow: beside the doors; `nbcontainer.train("nb.ipynb", cpu="2")` is `nbcontainer train nb.ipynb --cpu 2`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_VERBS = ("build", "check", "train", "serve", "scale", "status", "logs", "forward", "stop", "runs", "manifest")
__all__ = [
    "build", "check", "forward", "load_ipython_extension", "logs", "manifest", "runs", "scale", "serve", "status",
    "stop", "train", "unload_ipython_extension",
]

if TYPE_CHECKING:
    from nbcontainer.python import build as build
    from nbcontainer.python import check as check
    from nbcontainer.python import forward as forward
    from nbcontainer.python import logs as logs
    from nbcontainer.python import manifest as manifest
    from nbcontainer.python import runs as runs
    from nbcontainer.python import scale as scale
    from nbcontainer.python import serve as serve
    from nbcontainer.python import status as status
    from nbcontainer.python import stop as stop
    from nbcontainer.python import train as train


def __getattr__(name: str) -> Any:
    if name in _VERBS:
        from nbcontainer import python

        return getattr(python, name)
    raise AttributeError(f"module 'nbcontainer' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: Any) -> None:
    """Register the magics."""
    from nbcontainer import magics

    magics.load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Remove the magics and what they hold."""
    from nbcontainer import magics

    magics.unload(shell)
