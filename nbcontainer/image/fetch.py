"""An image that a registry holds: its manifest and configuration read, its layers named by where they are.

What this is: what `--image REF@digest` needs, and the stream of one layer. What it is not: a cache, or what a base has
to fulfil (base.py).
In the flow: registry -> BuiltImage -> an engine, a layout or another registry.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from nbcontainer.errors import BuildError, RegistryError
from nbcontainer.image import reference as references
from nbcontainer.image.registry import DOCKER_INDEX, INDEX, Manifest, Registry
from nbcontainer.model import BuiltImage, Layer

_MOST_CONFIG = 8 << 20  # bytes


class WrongPlatform(RegistryError):
    """The image exists, but not for the platform that was asked for."""


def fetch(name: str, *, ca: str, plain_http: bool, platform: str) -> BuiltImage:
    """The image `name` for `platform` ("linux/amd64"); its layers stay where they are. Raises RegistryError."""
    ref = references.parse(name)
    registry = Registry(ref.registry, ca=ca, plain_http=plain_http)
    found = registry.manifest(ref.repository, ref.digest or ref.tag or "latest")
    place = str(ref)
    if found.media_type in (INDEX, DOCKER_INDEX):
        wanted = _of_platform(_object(found.data, place), platform, place)
        found = registry.manifest(ref.repository, wanted)
    try:
        return _image(registry, ref, found, platform)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise RegistryError(f"{place} is no image that can run: its manifest or configuration is odd") from error


def fetcher(*, ca: str, plain_http: bool) -> Callable[[Layer], BinaryIO]:
    """What opens a layer that is only in a registry; reading it to the end checks its digest (RegistryError)."""

    def opened(layer: Layer) -> BinaryIO:
        if not layer.origin:
            raise BuildError(f"layer {layer.digest} ({layer.content}) is nowhere", "build again")
        host, _, repository = layer.origin.partition("/")
        return Registry(host, ca=ca, plain_http=plain_http).blob(repository, layer.digest, layer.size)

    return opened


def _image(registry: Registry, ref: references.Reference, found: Manifest, platform: str) -> BuiltImage:
    manifest = _object(found.data, str(ref))
    described = manifest["config"]
    if int(described["size"]) > _MOST_CONFIG:
        raise RegistryError(f"{ref}: its configuration is larger than {_MOST_CONFIG >> 20} MiB")
    with registry.blob(ref.repository, described["digest"], int(described["size"])) as stream:
        data = stream.read()
    config = _object(data, str(ref))
    has = "/".join(str(config[key]) for key in ("os", "architecture"))
    if has != "/".join(platform.split("/")[:2]):
        raise WrongPlatform(f"{ref} is for {has}, not for {platform}", "name an image of that platform")
    diff_ids = config["rootfs"]["diff_ids"]
    if len(diff_ids) != len(manifest["layers"]):
        raise RegistryError(f"{ref}: its manifest and its configuration tell of different layers")
    layers = tuple(_layer(each, diff, ref.place) for each, diff in zip(manifest["layers"], diff_ids, strict=True))
    return BuiltImage(found.data, data, layers)


def _layer(described: Mapping[str, Any], diff_id: str, origin: str) -> Layer:
    content = (described.get("annotations") or {}).get("io.nbcontainer.content", "")
    return Layer(described["digest"], int(described["size"]), diff_id, content or described["digest"][:19],
                 described["mediaType"], origin=origin)


def _of_platform(index: Mapping[str, Any], platform: str, place: str) -> str:
    """The digest of the manifest for `platform` in an index."""
    named: dict[str, str] = {}
    for each in index.get("manifests") or ():
        at = each.get("platform") or {}
        named.setdefault(f"{at.get('os')}/{at.get('architecture')}", str(each.get("digest")))
    wanted = "/".join(platform.split("/")[:2])
    if wanted not in named:
        listed = ", ".join(sorted(key for key in named if "unknown" not in key)) or "none"
        raise WrongPlatform(f"{place} has no image for {platform}", f"it has: {listed}")
    return named[wanted]


def _object(data: bytes, place: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RegistryError(f"{place}: the registry's answer is no image", "is that the address of a registry?")
    return found
