"""What a cell shows: its last value and `display`, as text; and IPython's shell where cells need it.

What this is: the display side, with or without IPython. What it is not: rich output: a log takes text
(`--keep-outputs` keeps the rest).
"""

from __future__ import annotations

import builtins
import sys
import warnings
from types import ModuleType
from typing import Any


def install(module: ModuleType, needs_ipython: bool) -> None:
    """Make the last value of a cell, and display(), print text; start IPython's shell when cells need it."""
    warnings.filterwarnings("ignore", message=".*non-interactive.*cannot be shown", category=UserWarning)
    if needs_ipython:
        shell = _shell(module)
        sys.displayhook = lambda value: _show_with(shell, value)
    else:
        builtins.display = display  # type: ignore[attr-defined]
        sys.displayhook = show


def show(value: Any) -> None:
    """A cell's last value as a line; None is not shown, and `_` remembers it."""
    if value is None:
        return
    builtins._ = None  # type: ignore[attr-defined]
    display(value)
    builtins._ = value  # type: ignore[attr-defined]


def display(*values: Any, **options: Any) -> None:
    """IPython's display() as text, for an image without IPython."""
    for value in values:
        own = getattr(value, "_ipython_display_", None) if not isinstance(value, type) else None
        if callable(own):
            own()
        elif options.get("raw") and isinstance(value, dict):
            print(value.get("text/plain", ""))
        else:
            print(value if isinstance(value, str) and options.get("raw") else repr(value))


def _shell(module: ModuleType) -> Any:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.autoindent = False
    shell: Any = InteractiveShell.instance(user_module=module, config=config)
    shell.system = shell.system_raw  # a command writes to our own stdout, in order
    for name in ("exit", "quit"):  # Python's own raise SystemExit
        shell.user_ns.pop(name, None)
    builtins.get_ipython = shell.get_ipython  # type: ignore[attr-defined]
    return shell


def _show_with(shell: Any, value: Any) -> None:
    if value is None:
        return
    shell.execution_count += 1
    data, _ = shell.display_formatter.format(value)
    if data:
        print(data.get("text/plain", repr(value)))
    shell.displayhook.update_user_ns(value)
