"""A request as a line that does the same: a magic for the notebook's own cells, a command for a terminal.

What this is: options written as words, quoted so that they read back as the same options. What it is not: history: the
line holds the values of env that were just typed, so it is answered and kept nowhere.
In the flow: Request -> *text* -> a cell, a clipboard.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import Field, fields
from typing import Any

from nbcontainer.magics import MAGICS
from nbcontainer.options import parameter, seconds
from nbcontainer.server.handler import ApiHandler, allowed
from nbcontainer.server.parts import Parts
from nbcontainer.server.requests import FIELDS, Request, read


class EquivalentHandler(ApiHandler):
    @allowed
    async def post(self) -> None:
        await self.reply(equivalent, self.parts, self.body(FIELDS))


def equivalent(parts: Parts, body: dict[str, Any]) -> dict[str, str]:
    request = read(body, parts.places)
    return {"magic": magic(request), "command": command(request)}


def command(request: Request) -> str:
    """`nbcontainer VERB NB --option value`, for a shell in any folder of the server's machine."""
    place = request.options.notebook
    if request.verb == "serve" and request.options.callable:
        place += f":{request.options.callable}"
    return shlex.join(["nbcontainer", request.verb, place, *_words(request)])


def magic(request: Request) -> str:
    """`%train --option value`, for a cell of the notebook itself.

    A magic is one line, in which IPython puts values for $name and {name}; what would suffer from that is the Python
    call instead.
    """
    name = next(magic for magic, verb in MAGICS.items() if verb == request.verb)
    words = [*([request.options.callable] if request.verb == "serve" and request.options.callable else []),
             *_words(request)]
    line = " ".join([f"%{name}", *map(shlex.quote, words)])
    return _call(request) if len(line.splitlines()) > 1 or set("${}") & set(line) else line


def _words(request: Request) -> Iterator[str]:
    for option in fields(request.options):
        value = getattr(request.options, option.name)
        flags = option.metadata.get("flags", ())
        if value == option.default or not flags or option.name == "notebook":
            continue
        if option.default is False:
            yield flags[0]
        elif isinstance(option.default, tuple):
            for each in value:
                yield from _said(flags[0], _word(option, each))
        else:
            yield from _said(flags[0], _word(option, value))


def _said(flag: str, word: str) -> list[str]:
    """A word that begins with '-' would be taken for a flag: then both are one word."""
    return [f"{flag}={word}"] if word.startswith("-") or not word else [flag, word]


def _word(option: Field[Any], value: Any) -> str:
    kind = option.metadata["argparse"].get("type")
    if kind is parameter:
        return _parameter(*value)
    if isinstance(value, tuple):
        return "=".join(value)
    if kind is seconds:
        return f"{value:f}".rstrip("0").rstrip(".")
    return str(value)


def _parameter(name: str, value: Any) -> str:
    """Text as it is where it reads back as that text, all else as JSON."""
    if isinstance(value, str) and parameter(f"{name}={value}") == (name, value) and value.isprintable():
        return f"{name}={value}"
    plain = json.dumps(value, ensure_ascii=False)
    return f"{name}={plain if plain.isprintable() else json.dumps(value)}"


def _call(request: Request) -> str:
    said = {each.name: getattr(request.options, each.name) for each in fields(request.options)
            if each.name != "notebook" and getattr(request.options, each.name) != each.default}
    pairs = {name: dict(value) if name in ("env", "parameters") else value for name, value in said.items()}
    words = ", ".join(f"{name}={value!r}" for name, value in pairs.items())
    return f"import nbcontainer\nnbcontainer.{request.verb}({words})"


ROUTES: list[tuple[str, type[Any]]] = [(r"/equivalent", EquivalentHandler)]
