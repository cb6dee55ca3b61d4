"""PyTorch, with what is built on it."""

from __future__ import annotations

NAME = "pytorch"
DISTRIBUTIONS: tuple[str, ...] = ("torch", "pytorch-lightning", "lightning")


def environment(version: str) -> dict[str, str]:
    return {}
