"""XGBoost and LightGBM."""

from __future__ import annotations

NAME = "xgboost"
DISTRIBUTIONS: tuple[str, ...] = ("xgboost", "xgboost-cpu", "lightgbm")


def environment(version: str) -> dict[str, str]:
    return {}
