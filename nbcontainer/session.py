"""Who asks: what a door hands to the api beside the options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nbcontainer.model import Emit, Image, silent


def _unheard(image: Image) -> None:
    """For callers that show no image on the way."""


@dataclass
class Session:
    """`emit` takes the progress; `shell` is the live IPython shell, None outside a kernel.

    `made` hears of the image that a run is about to stand on: verbs that give a run don't give the image.
    """

    emit: Emit = silent
    shell: Any = None
    made: Callable[[Image], None] = _unheard
