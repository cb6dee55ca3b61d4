"""scikit-learn."""

from __future__ import annotations

NAME = "sklearn"
DISTRIBUTIONS: tuple[str, ...] = ("scikit-learn",)


def environment(version: str) -> dict[str, str]:
    return {}
