"""What every test may use: a missing part is a skip on a laptop and a failure in CI."""

from __future__ import annotations

import os
from typing import Any

import pytest


def require(condition: Any, reason: str) -> None:
    """Skip with `reason` unless `condition`; with CI=true fail instead."""
    if condition:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"needed in CI: {reason}", pytrace=False)
    pytest.skip(reason)
