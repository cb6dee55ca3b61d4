"""`import nbcontainer` inside an image: an object that does nothing.

What this is: the file that an image has as nbcontainer.py, last on sys.path. What it is not: the object (inert.py).
"""

import sys

from nbcontainer_runtime import inert  # type: ignore[import-not-found]

sys.modules[__name__] = inert.install()
