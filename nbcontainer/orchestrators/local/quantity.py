"""Kubernetes quantities as numbers: what the engine's limits are made of.

What this is: pure parsing of text that options.py has checked. What it is not: a choice of limits.
In the flow: Workload.resources -> containers.py.
"""

from __future__ import annotations

from decimal import Decimal

_DECIMAL = ("", "k", "M", "G", "T")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti")
_UNITS = {
    "m": Decimal("0.001"),
    **{unit: Decimal(1000**power) for power, unit in enumerate(_DECIMAL)},
    **{unit: Decimal(1024**power) for power, unit in enumerate(_BINARY)},
}


def number(text: str) -> Decimal:
    """'500m' -> 0.5, '4Gi' -> 4294967296."""
    unit = text.lstrip("0123456789.")
    return Decimal(text[: len(text) - len(unit)]) * _UNITS[unit]
