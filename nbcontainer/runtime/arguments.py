"""A JSON body as the arguments of the served callable.

What this is: an object whose keys are parameter names becomes keyword arguments, anything else the one argument.
What it is not: a check of types: values arrive as JSON has them.
"""

from __future__ import annotations

import inspect
from typing import Any


class Wrong(Exception):
    """Arguments that the callable doesn't take; names them."""


class Signature:
    """What a callable takes."""

    def __init__(self, name: str, call: Any) -> None:
        self.name = name
        try:
            found = list(inspect.signature(call).parameters.values())
        except (TypeError, ValueError):
            found = [inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL)]
        kinds = inspect.Parameter
        self.named = [p.name for p in found if p.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)]
        positional = [p for p in found if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
        self.any_name = any(p.kind == kinds.VAR_KEYWORD for p in found)
        self.takes_one = bool(positional) or any(p.kind == kinds.VAR_POSITIONAL for p in found)
        needed = [p for p in found if p.default is p.empty and p.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)]
        self.required = [p.name for p in needed if p.kind != kinds.POSITIONAL_ONLY]
        self.positional_only = [p.name for p in needed if p.kind == kinds.POSITIONAL_ONLY]
        first = positional[0].name if positional else ""
        self.beside_one = [p.name for p in needed if p.name != first]
        self.single = len(self.named) + len(self.positional_only) <= 1

    def bind(self, body: Any) -> tuple[list[Any], dict[str, Any]]:
        """(arguments, keyword arguments) for a body. Raises Wrong."""
        if isinstance(body, dict) and not self.positional_only:
            unknown = [key for key in body if key not in self.named and not self.any_name]
            missing = [name for name in self.required if name not in body]
            if not unknown and not missing:
                return [], body
            if not self.single or not self.takes_one or (self.any_name and not missing):
                raise Wrong(self._says(missing, unknown))
        if not self.takes_one:
            raise Wrong(f"{self.name} takes no argument" if not self.named else self._says(self.required, []))
        if self.beside_one:
            raise Wrong(self._says(self.beside_one, []))
        return [body], {}

    def _says(self, missing: list[str], unknown: list[str]) -> str:
        parts = []
        if missing:
            parts.append("misses " + ", ".join(missing))
        if unknown:
            parts.append("has no " + ", ".join(str(key) for key in unknown))
        takes = ", ".join([*self.positional_only, *self.named]) or "nothing"
        return f"{self.name} {' and '.join(parts)}; it takes {takes}"
