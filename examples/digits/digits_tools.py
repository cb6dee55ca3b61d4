"""What the digits notebook shares with others: its data, their scale, and a place for what it makes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

OUTPUTS = Path("/outputs")  # a container's place for what should come back


def images() -> tuple[Any, Any]:
    """(1797 x 64 pixels from 0 to 16, the 1797 digits)."""
    data = load_digits()
    return data.data, data.target


def scaled(pixels: Any) -> Any:
    """Pixels from 0 to 16 as numbers from 0 to 1."""
    return np.asarray(pixels, dtype=float) / 16


def keep(name: str, write: Callable[[Path], Any]) -> None:
    """Let `write` make the file `name` where outputs are kept; elsewhere, do nothing."""
    if OUTPUTS.is_dir() and os.access(OUTPUTS, os.W_OK):
        write(OUTPUTS / name)
        print(f"kept {OUTPUTS / name}")
