"""Everything that can go wrong, as one tree.

NbcontainerError            stage, message, hint; exit_code 1
├── UsageError         2    an option or a name that can't be
├── ConfigError        2    a settings file or variable
├── NotebookError      2    the .ipynb: missing, not JSON, old, another language, a syntax error
├── RequirementError   2    an import nobody provides, no such interpreter or kernelspec
├── BaseError          1    a base image that the environment can't stand on
├── BuildError         1    packing layers, the store
├── StateError         1    a callable that can't be found or pickled
├── RegistryError      1    a registry that can't be reached, refuses or breaks off
│   └── AuthError      1    401 and 403
├── TargetError        1    an orchestrator that can't be reached or refuses
│   ├── Forbidden      1    its access rules refuse
│   ├── RunNotFound    1    no such run
│   ├── NameTaken      1    the name belongs to somebody else
│   └── Unsupported    1    this target can't do that
├── RunFailed          1    a followed run that ended in failure
└── Interrupted      130    Ctrl-C

A message is one line: what and where. A hint is one line: what to do next. Neither holds a secret's value.
"""

from __future__ import annotations

from typing import Any


class NbcontainerError(Exception):
    """Base of all errors that nbcontainer raises on purpose."""

    stage = "nbcontainer"
    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = one_line(message)
        self.hint = one_line(hint)

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def _render_traceback_(self) -> list[str]:
        """One line in a cell too: IPython asks this before it draws a traceback."""
        return [f"nbcontainer: {self.message}" + (f" — {self.hint}" if self.hint else "")]

    def as_json(self) -> dict[str, Any]:
        return {"error": {"stage": self.stage, "message": self.message, "hint": self.hint}}


class UsageError(NbcontainerError):
    stage, exit_code = "usage", 2


class ConfigError(NbcontainerError):
    stage, exit_code = "configuration", 2


class NotebookError(NbcontainerError):
    stage, exit_code = "notebook", 2


class RequirementError(NbcontainerError):
    stage, exit_code = "environment", 2


class BaseError(NbcontainerError):
    stage = "base"


class BuildError(NbcontainerError):
    stage = "build"


class StateError(NbcontainerError):
    stage = "state"


class RegistryError(NbcontainerError):
    stage = "registry"


class AuthError(RegistryError):
    pass


class TargetError(NbcontainerError):
    stage = "target"


class Forbidden(TargetError):
    pass


class RunNotFound(TargetError):
    pass


class NameTaken(TargetError):
    pass


class Unsupported(TargetError):
    pass


class RunFailed(NbcontainerError):
    stage = "run"


class Interrupted(NbcontainerError):
    stage, exit_code = "interrupted", 130


def one_line(text: str, limit: int = 2000) -> str:
    """`text` on one line, control characters shown as escapes, cut at `limit` characters."""
    flat = " ".join(str(text).split())
    flat = "".join(c if c.isprintable() else repr(c)[1:-1] for c in flat)
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
