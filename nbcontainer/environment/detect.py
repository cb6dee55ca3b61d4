"""Imports and requirements -> installed distributions.

What this is: what each distribution provides and requires, with markers and extras. What it is not: the search for
imports (imports.py) or for someone's own modules (local.py).
In the flow: the probe's answer + imports -> *distributions with reasons* -> Environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nbcontainer.environment.probe import normal
from nbcontainer.errors import RequirementError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

Reasons = dict[str, list[str]]  # a distribution's id -> why it is needed

_CALLED = {"cv2": "opencv-python-headless", "sklearn": "scikit-learn", "PIL": "pillow", "yaml": "PyYAML",
           "bs4": "beautifulsoup4", "skimage": "scikit-image", "dateutil": "python-dateutil", "dotenv": "python-dotenv"}

_BEHIND = {"distutils": "setuptools", "pkg_resources": "setuptools"}  # import hooks that no RECORD shows

__all__ = ["Installed", "Reasons", "closed", "missing", "normal", "requirement"]


class Installed:
    """What an interpreter has, as its probe told."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self.by_id: dict[str, dict[str, Any]] = {each["id"]: each for each in answer["distributions"]}
        self.stdlib = frozenset(answer["stdlib_names"])
        self.executable: str = answer["executable"]
        self.markers: dict[str, str] = answer["markers"]
        editable = [each for each in self.by_id.values() if each["kind"] == "editable"]
        self._editable = editable
        self.sites = list(dict.fromkeys(each["location"] for each in self.by_id.values() if each not in editable))
        self.mapped: dict[str, str] = {name: place for each in editable for name, place in each["modules"].items()}
        self._by_name: dict[str, list[str]] = {}
        for key, each in self.by_id.items():
            for name in each["provides"] if each not in editable else ():  # found as someone's own code instead
                self._by_name.setdefault(name, []).append(key)

    def providers(self, name: str) -> list[str]:
        """The ids of distributions that provide the import `name`; several share a namespace that is imported whole."""
        for prefix in reversed(_prefixes(name)):
            if prefix in self._by_name:
                return list(self._by_name[prefix])
        if name in _BEHIND:
            return [_BEHIND[name]] if _BEHIND[name] in self.by_id else []
        below = [keys for other, keys in self._by_name.items() if other.startswith(f"{name}.")]
        return list(dict.fromkeys(key for keys in below for key in keys))

    def unprovided(self, name: str) -> str:
        """What to call an import that nothing provides: as much of it as no namespace that is there begins with."""
        for prefix in _prefixes(name):
            if not any(other == prefix or other.startswith(f"{prefix}.") for other in self._by_name):
                return prefix
        return name

    def editable(self, file: str) -> str:
        """The id of the editable install that the source `file` belongs to, "" for none."""
        for each in self._editable:
            tops = {name.split(".")[0] for name in each["provides"]}
            for root in each["roots"]:
                first = os.path.relpath(file, root).split(os.sep)[0]
                if file.startswith(root + os.sep) and first.removesuffix(".py") in tops:
                    return str(each["id"])
            if any(file == place or file.startswith(place + os.sep) for place in each["modules"].values()):
                return str(each["id"])
        return ""


def _prefixes(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def missing(found: Sequence[tuple[str, str]], installed: Installed) -> RequirementError:
    """The error for imports that nothing provides, [(name, where)]: all of them in one line."""
    (name, where), others = found[0], list(dict.fromkeys(found[1:]))
    message = f"{where}: nothing installed in {installed.executable} provides '{name}'"
    others = [(other, at) for other, at in others if other != name]
    if others:
        message += " (also " + "; ".join(f"{at}: '{other}'" for other, at in others) + ")"
    called = _CALLED.get(name, name.replace(".", "-"))
    return RequirementError(message, f"install it there (%pip install {called}), or guard the import with try/except")


def requirement(line: str, where: str, installed: Installed) -> tuple[str, set[str], str]:
    """(id, extras, note) of a requirement line; id is "" when its marker doesn't hold here. Raises RequirementError."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        asked = Requirement(line)
    except InvalidRequirement:
        hint = "write it as name, name==1.2 or name>=1"
        raise RequirementError(f"{where}: {line!r} is no requirement", hint) from None
    if not _holds(asked, {""}, installed.markers):
        return "", set(), ""
    key = normal(asked.name)
    if key not in installed.by_id:
        raise RequirementError(
            f"{where} asks for {asked.name}, which is not installed in {installed.executable}",
            f"install it there: {installed.executable} -m pip install {asked.name}",
        )
    held = installed.by_id[key]
    note = ""
    if not asked.specifier.contains(held["version"], prereleases=True):
        note = f"{where} asks for {line}; {held['name']} {held['version']} is installed and is what the image gets"
    return key, set(asked.extras), note


def closed(
    reasons: Mapping[str, Sequence[str]], extras: Mapping[str, Iterable[str]], installed: Installed
) -> tuple[Reasons, list[str]]:
    """(`reasons` with all that they require, notes on what is required and not there)."""
    from packaging.requirements import InvalidRequirement, Requirement

    found: Reasons = {key: list(why) for key, why in reasons.items()}
    wanted = {key: {"", *extras.get(key, ())} for key in found}
    notes: list[str] = []
    queue = list(found)
    while queue:
        key = queue.pop(0)
        held = installed.by_id[key]
        for line in held["requires"]:
            try:
                asked = Requirement(line)
            except InvalidRequirement:
                continue
            if not _holds(asked, wanted[key], installed.markers):
                continue
            other = normal(asked.name)
            if other not in installed.by_id:
                notes.append(f"{held['name']} requires {asked.name}, which is not installed")
                continue
            why, known = f"required by {held['name']}", wanted.setdefault(other, {""})
            if other != key and why not in found.setdefault(other, []):
                found[other].append(why)
                queue += [other] if len(found[other]) == 1 else []
            if not known.issuperset(asked.extras):
                known.update(asked.extras)
                queue.append(other)
    return found, list(dict.fromkeys(notes))


def _holds(asked: Requirement, extras: Iterable[str], markers: Mapping[str, str]) -> bool:
    return asked.marker is None or any(asked.marker.evaluate({**markers, "extra": extra}) for extra in extras)
