"""Who asks: what a door hands to the api beside the options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbcontainer.model import Emit, silent


@dataclass
class Session:
    """`emit` takes the progress; `shell` is the live IPython shell, None outside a kernel."""

    emit: Emit = silent
    shell: Any = None
