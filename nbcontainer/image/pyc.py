"""Compiled Python files, so that imports are quick on a read-only root.

What this is: unchecked-hash .pyc made by the captured interpreter itself. What it is not: taken from the environment's
own __pycache__, whose bytes carry build places and times.
In the flow: between a distribution's entries and its layer.
"""

from __future__ import annotations

import os
import posixpath
import struct
import subprocess
import tempfile
from collections.abc import Iterable, Iterator

from nbcontainer.errors import BuildError
from nbcontainer.model import Entry

_SKIPPED = ("/tests/", "/test/", "/testing/tests/")

# Runs in the captured Python (3.8 or newer). Names of source and image file in, length and bytes of each .pyc out; a
# file that doesn't compile (a template, another Python's syntax) gives length 0.
_WORKER = r"""
import importlib.util as u, marshal, struct, sys, warnings
warnings.simplefilter("ignore")
names = sys.stdin.buffer.read().split(b"\0")[:-1]
out = sys.stdout.buffer
for source, name in zip(names[::2], names[1::2]):
    data = b""
    try:
        with open(source, "rb") as file:
            text = file.read()
        code = compile(text, name.decode(), "exec", dont_inherit=True, optimize=0)
        data = u.MAGIC_NUMBER + struct.pack("<I", 1) + u.source_hash(text) + marshal.dumps(code)
    except (SyntaxError, ValueError, RecursionError, OverflowError, MemoryError):
        pass
    out.write(struct.pack("<I", len(data)) + data)
"""


def compiled(entries: Iterable[Entry], interpreter_executable: str, cache_tag: str) -> list[Entry]:
    """The .pyc entries of the .py file entries whose source is a host path; those of test folders are left out.

    One fresh process with a fixed hash seed compiles them in the order of their paths, so that the same sources give
    the same bytes wherever they lie: the code carries the path in the image.
    """
    sources = sorted((e for e in entries if _wanted(e)), key=lambda entry: entry.path)
    if not sources:
        return []
    names = b"".join(os.fsencode(str(e.source)) + b"\0/" + os.fsencode(e.path) + b"\0" for e in sources)
    environment = {"PYTHONHASHSEED": "0", "PATH": os.defpath, "LANG": "C.UTF-8"}
    for key in ("LD_LIBRARY_PATH", "SYSTEMROOT"):
        if key in os.environ:
            environment[key] = os.environ[key]
    command = [interpreter_executable, "-s", "-S", "-B", "-c", _WORKER]
    try:
        with tempfile.TemporaryDirectory() as empty:
            done = subprocess.run(command, input=names, capture_output=True, env=environment, cwd=empty, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", b"") or str(error).encode()
        raise BuildError(f"{interpreter_executable} can't compile: {said.decode(errors='replace')[-300:]}") from error
    pairs = zip(sources, _parts(done.stdout), strict=True)
    return [Entry(_cached(entry.path, cache_tag), source=data) for entry, data in pairs if data]


def _wanted(entry: Entry) -> bool:
    return (
        entry.kind == "file"
        and entry.path.endswith(".py")
        and isinstance(entry.source, str)
        and not any(part in f"/{entry.path}" for part in _SKIPPED)
    )


def _cached(path: str, cache_tag: str) -> str:
    folder, name = posixpath.split(path)
    return posixpath.join(folder, "__pycache__", f"{name[:-3]}.{cache_tag}.pyc")


def _parts(stream: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(stream):
        (length,) = struct.unpack_from("<I", stream, at)
        yield stream[at + 4 : at + 4 + length]
        at += 4 + length
