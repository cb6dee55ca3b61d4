"""Apache MXNet, in its builds for CPU and CUDA."""

from __future__ import annotations

NAME = "mxnet"
DISTRIBUTIONS: tuple[str, ...] = ("mxnet", "mxnet-cu112", "mxnet-cu117", "mxnet-mkl")


def environment(version: str) -> dict[str, str]:
    return {"MXNET_CUDNN_AUTOTUNE_DEFAULT": "0"}  # tuning at start-up costs more than a short job
