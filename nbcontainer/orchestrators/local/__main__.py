"""`python -m nbcontainer.orchestrators.local [--install]`: which engine answers, and one where none does."""

from __future__ import annotations

import sys

from nbcontainer.orchestrators.local.install import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
