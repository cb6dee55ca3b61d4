"""The image's entrypoint: `python run.py train | serve`.

What this is: the first lines that run; it takes its own folder off the head of sys.path, so that no name of ours hides
one of the notebook's. What it is not: the work (start.py).
"""

import sys


def main() -> int:
    from nbcontainer_runtime import start  # type: ignore[import-not-found]

    return int(start.main(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
