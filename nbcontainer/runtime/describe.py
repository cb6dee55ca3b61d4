"""The served function as an OpenAPI document, which GET /openapi.json answers.

What this is: a signature, its annotations and its docstring as JSON Schema. What it is not: a check: values arrive as
JSON has them (arguments.py), and a type that JSON doesn't have is left open.
"""

from __future__ import annotations

import collections.abc
import functools
import inspect
import json
import types
import typing
from typing import Any

from .arguments import Signature

_PLAIN = {int: "integer", float: "number", str: "string", bool: "boolean", type(None): "null"}
_LISTS = (list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)
_OBJECTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_NAMED: dict[str, Any] = {each.__name__: each for each in (int, float, str, bool, list, dict)}
_TYPING = {"typing": typing, **{name: getattr(typing, name) for name in typing.__all__}}  # pickling drops these
_LARGEST = 10_000  # characters of a default as JSON; a larger one is left out
_JSON = "application/json"


def document(signature: Signature, call: Any) -> dict[str, Any]:
    """OpenAPI 3.1 of a server whose POST /predict calls `call`."""
    about = _about(call)
    problems = {
        "400": _answer("The body is not JSON", _problem()),
        "422": _answer("Arguments that the function doesn't take", _problem()),
        "500": _answer("The function raised", _problem()),
    }
    predict = {
        "operationId": "predict",
        "summary": f"Call {signature.name}",
        "requestBody": {"required": True, "content": {_JSON: {"schema": _body(signature, call)}}},
        "responses": {"200": _answer("What it gave", {}), **problems},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": signature.name, "version": "1", **({"description": about} if about else {})},
        "paths": {
            "/predict": {"post": predict},
            "/healthz": _read("healthz", "Whether the server lives", {"200": _answer("It does", _status())}),
            "/readyz": _read("readyz", "Whether it takes requests", {
                "200": _answer("It does", _status()), "503": _answer("It is about to end", _status())}),
            "/metrics": _read("metrics", "Requests, latency, in flight, queue", {
                "200": {"description": "Prometheus' text format", "content": {"text/plain": {"schema": _text()}}}}),
        },
    }


def dumps(signature: Signature, call: Any) -> bytes:
    return json.dumps(document(signature, call), allow_nan=False).encode()


# ---------------------------------------------------------------- operations
def _read(name: str, summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {"get": {"operationId": name, "summary": summary, "responses": responses}}


def _answer(about: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": about, "content": {_JSON: {"schema": schema}}}


def _text() -> dict[str, Any]:
    return {"type": "string"}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _problem() -> dict[str, Any]:
    return _object(error=_text())


def _status() -> dict[str, Any]:
    return _object(status=_text())


def _about(call: Any) -> str:
    """The docstring: the function's own, or that of the class of an object that is called."""
    try:
        call = _whole(call)
        own = call if inspect.isroutine(call) or isinstance(call, type) else type(call)
        return inspect.getdoc(own) or ""
    except Exception:
        return ""


def _whole(call: Any) -> Any:
    """The function behind a partial one."""
    return _whole(call.func) if isinstance(call, functools.partial) else call


# ---------------------------------------------------------------- the body
def _body(signature: Signature, call: Any) -> dict[str, Any]:
    """What arguments.py takes: an object of the parameters, or any other value as the one argument."""
    found = _parameters(call)
    ways: list[dict[str, Any]] = []
    if not signature.positional_only:
        ways.append({
            "title": "arguments by name",
            "type": "object",
            "properties": {name: _property(found[name], call) for name in signature.named},
            "required": list(signature.required),
            "additionalProperties": signature.any_name,
        })
    if signature.takes_one and not signature.beside_one:
        one: dict[str, Any] = {"title": "the one argument", **_first(found, call)}
        if ways and not signature.single:  # then an object is always arguments by name
            one["not"] = {"type": "object"}
        ways.append(one)
    if not ways:
        return {"not": {}}  # no JSON body can call it
    return ways[0] if len(ways) == 1 else {"anyOf": ways}


def _parameters(call: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(call).parameters)
    except (TypeError, ValueError):
        return {}


def _first(found: dict[str, inspect.Parameter], call: Any) -> dict[str, Any]:
    """The type of the parameter that takes the one argument."""
    kinds = inspect.Parameter
    takes = (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD, kinds.VAR_POSITIONAL)
    return next((_type(_annotation(each, call)) for each in found.values() if each.kind in takes), {})


def _property(parameter: inspect.Parameter, call: Any) -> dict[str, Any]:
    made = _type(_annotation(parameter, call))
    if parameter.default is not parameter.empty:
        try:
            text = json.dumps(parameter.default, allow_nan=False)
            if len(text) <= _LARGEST:
                made["default"] = json.loads(text)
        except Exception:  # an array, a model, anything: it has a default, and JSON can't say which
            pass
    return made


# ---------------------------------------------------------------- types
def _annotation(parameter: inspect.Parameter, call: Any) -> Any:
    """The annotation, evaluated where it is text; `Any` where there is none or it can't be."""
    found = parameter.annotation
    if found is parameter.empty:
        return Any
    around: dict[str, Any] = {}
    for _ in range(2):  # text in quotes under `from __future__ import annotations` is text twice
        if not isinstance(found, str):
            break
        try:
            around = around or {**_TYPING, **_globals(call)}
            found = eval(found, around, {})
        except Exception:  # a name that isn't there, or a spelling that this Python doesn't know
            return _NAMED.get(found.partition("[")[0].strip(), Any)
    return found


def _globals(call: Any) -> dict[str, Any]:
    call = inspect.unwrap(_whole(call))
    for each in (call, getattr(call, "__func__", None), inspect.getattr_static(type(call), "__call__", None)):
        found = getattr(each, "__globals__", None)
        if isinstance(found, dict):
            return found
    return {}


def _type(kind: Any) -> dict[str, Any]:
    """JSON Schema of an annotation, {} for what JSON has no type for."""
    try:
        return _known(kind)
    except Exception:  # annotations may be anything, also what can't be hashed or compared
        return {}


def _known(kind: Any) -> dict[str, Any]:
    kind = type(None) if kind is None else kind
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    origin, given = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin is typing.Union or origin is getattr(types, "UnionType", typing.Union):
        return {"anyOf": [_type(each) for each in given]}
    if origin is typing.Literal:
        return {"enum": json.loads(json.dumps(given, allow_nan=False))}
    if origin in _LISTS:
        same = len(given) == 1 or (origin is tuple and given[1:] == (...,))
        items = _type(given[0]) if same else {}
        return {"type": "array", **({"items": items} if items else {})}
    if origin in _OBJECTS:
        values = _type(given[1]) if len(given) == 2 else {}
        return {"type": "object", **({"additionalProperties": values} if values else {})}
    return {}
