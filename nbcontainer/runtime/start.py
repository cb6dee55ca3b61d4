"""The verbs of the image's entrypoint.

What this is: the choice between train, serve and define, with what all three need first. What it is not: the verbs.
"""

from __future__ import annotations

import os
import sys

from . import inert, places


def main(arguments: list[str]) -> int:
    """Run the verb; gives the exit code."""
    verb = arguments[0] if arguments else "train"
    inert.install()  # before anything of the notebook's, so that a captured nbcontainer can't be imported instead
    if os.environ.get("MPLBACKEND", "module:").startswith("module:"):  # a kernel's own would need the kernel
        os.environ["MPLBACKEND"] = "agg"
    places.name_user()
    if verb == "train":
        from . import train

        return train.main()
    if verb == "serve":
        from . import serve

        return serve.main()
    if verb == "define" and len(arguments) == 3:
        from . import define

        return define.main(arguments[1], arguments[2])
    sys.stderr.write(f"nbcontainer: {verb!r} is not a verb of this image; say train or serve\n")
    return 2
