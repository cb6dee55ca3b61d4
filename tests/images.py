"""Small images for tests, packed and pushed with the standard library alone.

What this is: a layer of a few files, a config and a manifest. What it is not: nbcontainer's own image code, which the
tests that use such images aren't about.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import urllib.request
from collections.abc import Mapping
from typing import Any

OCI = "application/vnd.oci.image"


def push(registry: str, repository: str, tag: str, files: Mapping[str, bytes], **config: Any) -> str:
    """Push an image of executable `files` to an open plain-http registry; gives "HOST/REPOSITORY@DIGEST"."""
    layer = _tar(files)
    packed = gzip.compress(layer, 1, mtime=0)
    about = {"architecture": "amd64", "os": "linux", "config": config,
             "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]}}
    settings = json.dumps(about).encode()
    base = f"http://{registry}/v2/{repository}"
    for blob in (packed, settings):
        _upload(base, blob)
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": f"{OCI}.manifest.v1+json",
        "config": _descriptor(f"{OCI}.config.v1+json", settings),
        "layers": [_descriptor(f"{OCI}.layer.v1.tar+gzip", packed)],
    }).encode()
    _send("PUT", f"{base}/manifests/{tag}", manifest, f"{OCI}.manifest.v1+json")
    return f"{registry}/{repository}@{_digest(manifest)}"


def _tar(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, data in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def _upload(base: str, blob: bytes) -> None:
    place = _send("POST", f"{base}/blobs/uploads/", b"", "application/octet-stream")
    glue = "&" if "?" in place else "?"
    _send("PUT", f"{place}{glue}digest={_digest(blob)}", blob, "application/octet-stream")


def _send(method: str, url: str, data: bytes, content: str) -> str:
    request = urllib.request.Request(url, data, {"content-type": content}, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(answer.headers.get("location", ""))


def _descriptor(kind: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": _digest(data), "size": len(data)}


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
