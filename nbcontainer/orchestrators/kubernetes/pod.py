"""The image of the pod that we run in: `--base pod`.

What this is: one question to the API server with the pod's own account. What it is not: anything about our runs.
In the flow: Base.
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import replace
from typing import Any

from nbcontainer.errors import BaseError, ConfigError, TargetError
from nbcontainer.model import Target
from nbcontainer.orchestrators.kubernetes.client import Client
from nbcontainer.orchestrators.kubernetes.connection import ACCOUNT

HINT = "name the image with --base IMAGE, or set NBCONTAINER_POD_IMAGE in the pod"


def image_of_this_pod(where: Target) -> str:
    """'host/repo@sha256:...' of the container that we run in; NBCONTAINER_POD_IMAGE is believed without asking.

    Raises BaseError outside a pod, or when the pod doesn't tell which of its containers we are.
    """
    named = os.environ.get("NBCONTAINER_POD_IMAGE", "")
    if named:
        return named
    if not (ACCOUNT / "token").is_file():
        raise BaseError("--base pod: this is no pod, or one without a service account", HINT)
    namespace = (ACCOUNT / "namespace").read_text().strip()
    name = os.environ.get("HOSTNAME") or socket.gethostname()
    try:
        pod = Client(replace(where, namespace=namespace, kubeconfig="", context="")).get("pods", name)
    except (ConfigError, TargetError) as error:
        raise BaseError(f"--base pod: {error.message}", HINT) from None
    if pod is None:
        raise BaseError(f"--base pod: namespace {namespace} has no pod '{name}'", HINT)
    return _image(pod)


def _image(pod: dict[str, Any]) -> str:
    """The digest reference of the only container, or of the one called notebook, as hubs call it."""
    found = pod.get("status", {}).get("containerStatuses") or []
    ours = found if len(found) == 1 else [each for each in found if each["name"] == "notebook"]
    if not ours:
        names = ", ".join(each["name"] for each in found)
        raise BaseError(f"--base pod: the pod has several containers ({names})", HINT)
    image, running = str(ours[0]["image"]), str(ours[0].get("imageID", ""))
    digest = re.search(r"@(sha256:[0-9a-f]{64})$", running)
    if digest is None:
        return image
    repository = running.split("@")[0].split("://")[-1]
    return f"{repository}@{digest[1]}"
