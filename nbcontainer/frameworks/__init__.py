"""Which framework a notebook uses, with the evidence; one small file each.

What this is: the registry and the choice. What it is not: bases or distributed training.
In the flow: Environment -> *Overlay* (labels and environment) -> ImagePlan. A new one is one file and one line here.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from nbcontainer.model import Distribution, Overlay

# the first that a notebook imports wins: deep learning before the libraries that are used beside it
ORDER = ("tensorflow", "pytorch", "mxnet", "jax", "xgboost", "sklearn", "plain")


class Framework(Protocol):
    """A module with a name, the distributions that bring it, and what it adds to an image."""

    NAME: str
    DISTRIBUTIONS: tuple[str, ...]

    def environment(self, version: str) -> dict[str, str]:
        """Environment variables of the image."""


def framework(name: str) -> Framework:
    return cast(Framework, import_module(f"nbcontainer.frameworks.{name}"))


def detect(distributions: Sequence[Distribution]) -> Overlay:
    """The framework that cells or local modules import themselves; one that others merely require counts last."""
    installed = {each.name.lower().replace("_", "-"): each for each in distributions}
    required: Overlay | None = None
    for name in ORDER:
        candidate = framework(name)
        for wanted in candidate.DISTRIBUTIONS:
            each = installed.get(wanted)
            if each is None:
                continue
            overlay = _overlay(candidate, each)
            if not all(why.startswith("required by ") for why in each.why):
                return overlay
            required = required or overlay
    return required or Overlay("plain", "no known framework is imported", {"io.nbcontainer.framework": "plain"})


def _overlay(found: Framework, each: Distribution) -> Overlay:
    labels = {"io.nbcontainer.framework": found.NAME, "io.nbcontainer.framework.version": each.version}
    evidence = f"{each.why[0]}; {each.name} {each.version} is installed"
    return Overlay(found.NAME, evidence, labels, found.environment(each.version))
