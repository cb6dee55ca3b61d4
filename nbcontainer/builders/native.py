"""The native builder: no daemon, no root, nothing unpacked.

What this is: layers from the store (packed where it lacks them, several at a time), then configuration and manifest.
What it is not: a pusher (image/push.py).
In the flow: ImagePlan -> *BuiltImage* -> registry, engine or OCI layout.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from nbcontainer.image.store import Store
from nbcontainer.model import BuiltImage, Emit, ImagePlan, Layer, LayerPlan, Progress

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


def build(plan: ImagePlan, store: Store, emit: Emit) -> BuiltImage:
    """The image of `plan`. Raises BuildError; the layers packed before an error or interrupt stay in the store."""
    packed = _layers((*plan.base.plans, *plan.layers), store, emit)
    layers = (*plan.base.layers, *packed)
    config = _json(_config(plan, layers))
    return BuiltImage(_json(_manifest(config, layers)), config, layers)


def _layers(plans: Sequence[LayerPlan], store: Store, emit: Emit) -> list[Layer]:
    found: dict[str, Layer] = {}
    missing: list[LayerPlan] = []
    for each in plans:
        layer = store.get(each.key)
        if layer:
            found[each.key] = replace(layer, content=each.content)
        elif each.key not in (m.key for m in missing):
            missing.append(each)
    if missing:
        found.update(_packed(missing, store, emit))
    return [found[each.key] for each in plans]


def _packed(missing: Sequence[LayerPlan], store: Store, emit: Emit) -> dict[str, Layer]:
    total = sum(each.size for each in missing)
    done, number = 0, 0
    lock, stop = threading.Lock(), threading.Event()

    def put(plan: LayerPlan) -> Layer:
        nonlocal done, number
        layer = store.put(plan, stop)
        with lock:
            done, number = done + plan.size, number + 1
            if not stop.is_set():
                emit(Progress("packing", f"{number} of {len(missing)} layers, {plan.content}", done, total, "B"))
        return layer

    emit(Progress("packing", f"{len(missing)} layer{'s'[: len(missing) != 1]}", 0, total, "B"))
    if len(missing) == 1:
        return {missing[0].key: put(missing[0])}
    largest_first = sorted(missing, key=lambda plan: -plan.size)
    with ThreadPoolExecutor(os.cpu_count() or 2, "pack") as pool:
        try:
            futures = {plan.key: pool.submit(put, plan) for plan in largest_first}
            return {key: future.result() for key, future in futures.items()}
        except BaseException:  # an interrupt too, which may come before the last one is submitted
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _created() -> str:
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", "0") or 0)
    return datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _config(plan: ImagePlan, layers: Sequence[Layer]) -> dict[str, Any]:
    system, architecture, *variant = plan.platform.split("/")
    config: dict[str, Any] = {
        "User": plan.user,
        "Env": [f"{key}={value}" for key, value in plan.env.items()],
        "Entrypoint": list(plan.entrypoint),
        "Cmd": list(plan.command),
        "WorkingDir": plan.working_dir,
        "Labels": {**(plan.base.config.get("Labels") or {}), **plan.labels},
        "ExposedPorts": {"8080/tcp": {}},
        "StopSignal": "SIGTERM",
    }
    whole: dict[str, Any] = {
        "created": _created(),
        "architecture": architecture,
        "os": system,
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created": _created(), "created_by": f"nbcontainer: {layer.content}"} for layer in layers],
    }
    return {**whole, **({"variant": variant[0]} if variant else {})}


def _manifest(config: bytes, layers: Sequence[Layer]) -> dict[str, Any]:
    import hashlib

    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {
            "mediaType": CONFIG,
            "digest": "sha256:" + hashlib.sha256(config).hexdigest(),
            "size": len(config),
        },
        "layers": [
            {
                "mediaType": layer.media_type,
                "digest": layer.digest,
                "size": layer.size,
                "annotations": {"io.nbcontainer.content": layer.content},
            }
            for layer in layers
        ],
    }


def _json(value: Any) -> bytes:
    """Canonical: the same value, the same bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
