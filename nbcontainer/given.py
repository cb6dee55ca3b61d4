"""Options from plain values by name, as Python's keywords and a browser's JSON give them.

What this is: the same checks that the command line's words go through, for values that have their types already. What
it is not: a parser of words (options.py).
In the flow: a door's values -> *one of the options types* -> api.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import Field, fields
from typing import Any, TypeVar

from nbcontainer.errors import UsageError
from nbcontainer.options import count, env_pair, parameter, quantity

T = TypeVar("T")


def options(wanted: type[T], values: Mapping[str, Any]) -> T:
    """The options of type `wanted` with these values. Raises UsageError that names the option."""
    known = {each.name: each for each in fields(wanted)}  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise UsageError(f"no option {name!r}", f"known: {', '.join(sorted(known))}")
    return wanted(**{name: checked(known[name], value) for name, value in values.items()})


def checked(option: Field[Any], value: Any) -> Any:
    """`value` as the options type holds it."""
    try:
        return _checked(option, value)
    except UsageError as error:
        raise UsageError(f"{option.name}: {error.message}", error.hint) from None


def _checked(option: Field[Any], value: Any) -> Any:
    words = option.metadata.get("argparse", {})
    kind = words.get("type")
    if isinstance(option.default, tuple):
        return _pairs(value, kind) if kind in (env_pair, parameter) else _texts(value, kind)
    if type(value) is type(option.default) and value == option.default:
        return value  # the same as not said, whatever would be said of it otherwise
    if isinstance(option.default, bool):
        return _typed(value, bool, "true or false")
    if isinstance(option.default, int):
        return count(str(_typed(value, int, "a whole number")))
    if isinstance(option.default, float):
        return _duration(value)
    if kind is quantity and isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    text = kind(_text(value)) if kind else _text(value)
    if "choices" in words and text not in words["choices"]:
        raise UsageError(f"{text!r} is none of {', '.join(filter(None, words['choices']))}")
    return text


def _typed(value: Any, wanted: type[Any], called: str) -> Any:
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise UsageError(f"{value!r} is not {called}")
    return value


def _text(value: Any) -> str:
    text = str(os.fspath(value) if isinstance(value, os.PathLike) else _typed(value, str, "text"))
    if "\0" in text:
        raise UsageError("it holds a NUL character")
    return text


def _duration(value: Any) -> float:
    number = float(_typed(value, (int, float), "a number of seconds"))  # type: ignore[arg-type]
    if not (math.isfinite(number) and number >= 0):
        raise UsageError(f"{value!r} is not a number of seconds")
    return number


def _texts(value: Any, kind: Any) -> tuple[str, ...]:
    """Several texts, or one that stands for itself."""
    several = [value] if isinstance(value, str) else _typed(value, Iterable, "a list of texts")
    return tuple(kind(_text(each)) if kind else _text(each) for each in several)


def _pairs(value: Any, kind: Any) -> tuple[tuple[str, Any], ...]:
    """Names and their values, as a mapping or as pairs."""
    pairs = value.items() if isinstance(value, Mapping) else _typed(value, Iterable, "names with values")
    return tuple(_pair(kind, *_two(each)) for each in pairs)


def _two(pair: Any) -> tuple[Any, Any]:
    if isinstance(pair, str) or not isinstance(pair, Iterable) or len(both := tuple(pair)) != 2:
        raise UsageError(f"{pair!r} is not a name with a value")
    return both[0], both[1]


def _pair(kind: Any, name: Any, value: Any) -> tuple[str, Any]:
    text = _text(value) if kind is env_pair else "0"
    if kind(f"{_text(name)}={text}")[0] != name:
        raise UsageError(f"{name!r} can't be a name")
    if kind is parameter:
        try:
            json.dumps(value)
        except (TypeError, ValueError, RecursionError):
            raise UsageError(f"the value of {name} can't be written as JSON") from None
    return name, value
