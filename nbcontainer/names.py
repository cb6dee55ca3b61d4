"""Names that clusters, registries and files accept, made from names that people chose.

What this is: slugs, the notebook's identity, run names. What it is not: validation of options (options.py).
In the flow: Notebook -> Identity -> names of images, services and jobs.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import secrets
import unicodedata
from pathlib import Path

from nbcontainer.errors import UsageError
from nbcontainer.model import Identity, Kind

_LETTERS = "bcdfghjkmnpqrstvwxz"  # no vowels: random names spell nothing
_LABEL = re.compile(r"[a-z]([-a-z0-9]{0,51}[a-z0-9])?")


def slug(text: str, limit: int = 36) -> str:
    """A DNS label of at most `limit` characters: 'Ma thèse (final).ipynb' -> 'ma-these-final'."""
    stem = text[: -len(".ipynb")] if text.endswith(".ipynb") else text
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    label = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:limit].strip("-")
    if not label:
        label = "notebook"
    return label if label[0].isalpha() else f"n-{label}"[:limit].strip("-")


def identity(path: Path, owner: str = "") -> Identity:
    """The identity of the notebook at `path` (absolute): stable under clones into other folders."""
    root = next((up for up in path.parents if (up / ".git").exists()), None)
    place = path.relative_to(root).as_posix() if root else path.as_posix()
    who = owner or default_owner()
    digest = hashlib.sha256(f"{who}\0{place}".encode()).hexdigest()
    return Identity(id=digest[:8], slug=slug(path.name), path=place, owner=who)


def default_owner() -> str:
    """NBCONTAINER_OWNER, the hub's user, else the login name."""
    for key in ("NBCONTAINER_OWNER", "JUPYTERHUB_USER"):
        if os.environ.get(key):
            return os.environ[key]
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}" if hasattr(os, "getuid") else "user"


def run_name(identity: Identity, kind: Kind, chosen: str = "") -> str:
    """The name of a run: `chosen` if valid, a service's `<slug>-<id8>`, a training run's with five more letters."""
    if chosen:
        return valid_name(chosen)
    base = f"{identity.slug}-{identity.id}"
    if kind == "inference":
        return base
    return base + "-" + "".join(secrets.choice(_LETTERS) for _ in range(5))


def valid_name(name: str) -> str:
    if not _LABEL.fullmatch(name):
        raise UsageError(
            f"--name {name!r} can't name a run",
            "use at most 53 lower-case letters, digits and '-', starting with a letter",
        )
    return name
