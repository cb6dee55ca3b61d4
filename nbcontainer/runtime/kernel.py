"""The first line of a kernel inside the image.

What this is: what start.py does for a script, for the kernel of `--keep-outputs`. What it is not: the kernel.
"""

from __future__ import annotations

import warnings

from . import inert


def begin() -> None:
    """Make `import nbcontainer` harmless, whatever is installed."""
    inert.install()
    warnings.filterwarnings("ignore", message=".*non-interactive.*cannot be shown", category=UserWarning)
