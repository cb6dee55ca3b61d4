"""TensorFlow, in its builds for CPU and GPU."""

from __future__ import annotations

NAME = "tensorflow"
DISTRIBUTIONS: tuple[str, ...] = ("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tf-nightly", "keras")


def environment(version: str) -> dict[str, str]:
    return {"TF_CPP_MIN_LOG_LEVEL": "1"}  # its information lines hide the notebook's own
