"""Images for the engines' tests: a static program that keeps an image's contract, packed by the native builder."""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from nbcontainer.builders import native
from nbcontainer.image.store import Store
from nbcontainer.model import Base, BuiltImage, Entry, ImagePlan, LayerPlan, silent
from tests.cluster import build

SOURCE = Path(__file__).parent / "image"


@functools.cache
def program() -> bytes:
    """The program, built for this machine."""
    go = build.toolchain(print)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "program"
        quiet = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-trimpath", "GOTOOLCHAIN": "local", "GOWORK": "off"}
        subprocess.run([go, "build", "-ldflags", "-s -w", "-o", str(made), "."], cwd=SOURCE, env=quiet, check=True)
        return made.read_bytes()


def layer(content: str, *entries: Entry) -> LayerPlan:
    key = hashlib.sha256(repr((content, entries)).encode()).hexdigest()
    return LayerPlan(content, key, lambda: entries)


def image(store: Store, notebook: str = "a cell", extra: bytes = b"") -> BuiltImage:
    """An image of three layers: folders and `extra`, the program, the notebook."""
    folders = [Entry(name, "dir", mode=0o1777) for name in ("tmp", "work", "outputs")]
    passwd = Entry("etc/passwd", source=b"notebook:x:65532:65532::/tmp:/none\n")
    plan = ImagePlan(
        base=Base("host", "/program"),
        layers=(
            layer("base", *folders, passwd, Entry("extra", source=extra)),
            layer("program", Entry("program", source=program(), mode=0o755)),
            layer("notebook", Entry("app/notebook.py", source=notebook.encode())),
        ),
        platform=_platform(),
        env={"PATH": "/"},
        labels={"io.nbcontainer.python": "3.11"},
        entrypoint=("/program",),
        command=("train",),
    )
    return native.build(plan, store, silent)


def _platform() -> str:
    return "linux/" + {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
