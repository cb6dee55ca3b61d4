"""A callable by value: its pickle, the modules that the pickle names, and who can't be pickled.

What this is: cloudpickle with two questions more. What it is not: the search for the callable (define.py, state.py).
Runs in a kernel and in the notebook's interpreter. What `__main__` defines goes by value, everything else by name.
"""

from __future__ import annotations

import inspect
import io
import types
from collections.abc import Iterator
from typing import Any

_DEEP = 6  # steps that the search for the culprit takes


class Unpicklable(Exception):
    """One line that names the object."""


def dumps(name: str, value: Any) -> tuple[bytes, list[str]]:
    """(pickle, names of the modules that it imports). Raises Unpicklable."""
    import cloudpickle

    seen: set[str] = set()

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def reducer_override(self, found: Any) -> Any:
            seen.add(found.__name__ if isinstance(found, types.ModuleType) else _module(found))
            return super().reducer_override(found)

    buffer = io.BytesIO()
    try:
        Pickler(buffer, protocol=4).dump(value)
    except Exception as error:
        raise Unpicklable(_blame(name, value, error)) from error
    return buffer.getvalue(), sorted(seen - {"", "__main__", "builtins", "cloudpickle", "cloudpickle.cloudpickle"})


def _module(found: Any) -> str:
    """The module that a pickle of `found` may name: its own, or its type's."""
    own = found if isinstance(found, (type, types.FunctionType, types.BuiltinFunctionType)) else type(found)
    name = getattr(own, "__module__", None)
    return name if isinstance(name, str) else ""


def _blame(name: str, value: Any, error: Exception) -> str:
    """What can't be pickled, with the way to it: 'predict uses model.lock (lock), which can't be pickled: ...'."""
    path, culprit, said = [], value, error
    tried = {id(value)}
    for _ in range(_DEEP):
        for part, held in _parts(culprit):
            failed = None if id(held) in tried else _fails(held)
            tried.add(id(held))
            if failed is not None:
                path.append(part)
                culprit, said = held, failed
                break
        else:
            break
    reason = " ".join(str(said).split()) or type(said).__name__
    kind = f"{type(culprit).__module__}.{type(culprit).__qualname__}".replace("builtins.", "").replace("_thread.", "")
    if not path:
        return f"{name} (a {kind}) can't be pickled: {reason}"
    where = path[0] + "".join(part if part.startswith("[") else f".{part}" for part in path[1:])
    return f"{name} uses {where} (a {kind}), which can't be pickled: {reason}"


def _fails(value: Any) -> Any:
    import cloudpickle

    try:
        cloudpickle.dumps(value, protocol=4)
        return None
    except Exception as error:
        return error


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value holds that its pickle would hold, by the names that a person knows."""
    if isinstance(value, types.MethodType):
        yield "self", value.__self__
    function = inspect.unwrap(value) if callable(value) and not isinstance(value, type) else value
    function = getattr(function, "__func__", function)
    if isinstance(function, types.FunctionType):
        found = inspect.getclosurevars(function)
        yield from {**found.nonlocals, **found.globals}.items()
        names = _names_below(function.__code__)
        yield from ((name, function.__globals__[name]) for name in names if name in function.__globals__)
    elif isinstance(value, dict):
        yield from ((f"[{key!r}]", held) for key, held in list(value.items())[:1000])
    elif isinstance(value, (list, tuple)):
        yield from ((f"[{index}]", held) for index, held in enumerate(value[:1000]))
    elif not isinstance(value, (types.ModuleType, str, bytes)):
        fields: dict[str, Any] = getattr(value, "__dict__", None) or {}
        yield from list(fields.items())


def _names_below(code: types.CodeType) -> list[str]:
    """Global names that a function's inner functions use."""
    found = list(code.co_names)
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            found += _names_below(each)
    return found


def parameter_names(value: Any) -> list[str]:
    """The names that a call by keyword takes, [] for a callable that doesn't say."""
    try:
        found = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return []
    return [each.name for each in found if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]


def missing(name: str, namespace: dict[str, Any], nobody: str = "no cell defines") -> str:
    """Why `name` can't be served, "" when it can; `nobody` begins the line where it isn't there."""
    if name not in namespace:
        import difflib

        near = difflib.get_close_matches(name, [key for key in namespace if callable(namespace[key])], 1)
        return f"{nobody} {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    if not callable(namespace[name]):
        return f"{name} is of type {type(namespace[name]).__name__}, not a function or another callable"
    return ""
