"""JAX, with XLA below it."""

from __future__ import annotations

NAME = "jax"
DISTRIBUTIONS: tuple[str, ...] = ("jax", "flax")


def environment(version: str) -> dict[str, str]:
    return {}
