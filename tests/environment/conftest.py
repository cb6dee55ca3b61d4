"""Fixtures of the environment's tests."""

from tests.environment.parts import cache

__all__ = ["cache"]
