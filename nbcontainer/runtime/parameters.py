"""Parameters as papermill injects them: a comment and assignments, after the cell tagged `parameters`.

What this is: JSON values as Python source. What it is not: the check of their names against the notebook (the host's).
"""

from __future__ import annotations

import json
import keyword
import os
from typing import Any

VARIABLE = "NBCONTAINER_PARAMETERS"


def given() -> dict[str, Any]:
    """The run's parameters. Raises ValueError for what is no JSON object of names."""
    text = os.environ.get(VARIABLE, "")
    found = json.loads(text) if text.strip() else {}
    if not isinstance(found, dict):
        raise ValueError(f"{VARIABLE} is no JSON object")
    for name in found:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(f"{VARIABLE}: {name!r} can't be a variable's name")
    return found


def source(values: dict[str, Any]) -> str:
    """The injected cell."""
    return "\n".join(["# Parameters", *(f"{name} = {literal(value)}" for name, value in values.items())]) + "\n"


def literal(value: Any) -> str:
    """A JSON value as a Python expression."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(each) for each in value) + "]"
    if isinstance(value, float) and value != value:
        return 'float("nan")'
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    return repr(value)
