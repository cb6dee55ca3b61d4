"""No framework."""

from __future__ import annotations

NAME = "plain"
DISTRIBUTIONS: tuple[str, ...] = ()


def environment(version: str) -> dict[str, str]:
    return {}
