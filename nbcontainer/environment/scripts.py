"""Programs of distributions, written anew for the image's environment.

What this is: console scripts from entry points, and Python scripts with the image's Python in their first line. What it
is not: programs that are no Python scripts, which are taken as they are.
In the flow: installed bin/NAME -> *its text in the image* -> a distribution's rows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from nbcontainer.model import ENV

_PYTHON = f"#!/{ENV}/bin/python\n"
_LINE = re.compile(rb"#!\s*(?:\S*/)?(?:env\s+)?(?:-S\s+)?\S*python[\w.]*[^\n]*\n|#!.*/python[\w.]*[^\n]*\n")
_LONG = re.compile(rb"#!/bin/sh\r?\n'''exec'[^\n]*\r?\n' '''\r?\n")  # installers' way round long or spaced paths


def entry_points(info: str) -> dict[str, str]:
    """{program: "module:callable"} of a distribution's console and graphical scripts."""
    found: dict[str, str] = {}
    section = ""
    try:
        with open(os.path.join(info, "entry_points.txt"), encoding="utf-8", errors="replace") as file:
            for line in map(str.strip, file):
                if line.startswith("["):
                    section = line.strip("[]").strip()
                elif section in ("console_scripts", "gui_scripts") and "=" in line and not line.startswith(("#", ";")):
                    name, _, target = line.partition("=")
                    found[name.strip()] = target.partition("[")[0].strip()
    except OSError:
        pass
    return found


def script(name: str, host: str, own: Mapping[str, str]) -> bytes | None:
    """The text of the program `name` in the image, None for what is no Python script."""
    if name in own and ":" in own[name]:
        return _wrapper(own[name])
    try:
        with open(host, "rb") as file:
            head = file.read(2)
            text = head + file.read() if head == b"#!" else b""
    except OSError:
        return None
    for pattern in (_LONG, _LINE):
        found = pattern.match(text)
        if found:
            return _PYTHON.encode() + text[found.end() :]
    return None


def _wrapper(target: str) -> bytes:
    module, _, attribute = target.partition(":")
    first = attribute.strip().split(".")[0]
    return (
        f"{_PYTHON}import sys\nfrom {module.strip()} import {first}\n"
        f'if __name__ == "__main__":\n    sys.exit({attribute.strip()}())\n'
    ).encode()
