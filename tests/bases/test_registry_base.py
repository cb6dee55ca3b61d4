"""Images of a real registry as bases: what they have is found, and refused where the environment can't stand on it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from nbcontainer.builders import native
from nbcontainer.environment.host import Need
from nbcontainer.errors import BaseError, RegistryError
from nbcontainer.image import base as bases
from nbcontainer.image import plan as plans
from nbcontainer.image import registry as registries
from nbcontainer.image import upload
from nbcontainer.image.store import Store
from nbcontainer.model import Base, Entry, Overlay, silent
from tests.bases.conftest import based, built, environment
from tests.registry.conftest import crane, home, new_process, push, registry
from tests.registry_server import Registry

__all__ = ["home", "registry"]

MINOR = ".".join(map(str, sys.version_info[:2]))
GLIBC = b"\0GNU C Library (Debian GLIBC 2.36-9+deb12u1) stable release version 2.36.\n\0"
OLD_GLIBC = b"\0GNU C Library (GNU libc) stable release version 2.17, by Roland McGrath et al.\n\0"


def program(version: str) -> bytes:
    """What a Python's program or library holds of its version, amid what else it holds."""
    return b"\x7fELF" + b"\0x1.2.3\0" * 40_000 + f"\0{version}\0".encode() + b"\0y" * 500


@dataclass(frozen=True)
class File:
    """A member of a layer: content, or a link's target."""

    content: bytes | str = b""
    hard: bool = False


Files = Mapping[str, "File | bytes | str"]


def layer(files: Files) -> bytes:
    """An uncompressed layer; a text is a symbolic link's target."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, given in files.items():
            each = given if isinstance(given, File) else File(given)
            member = tarfile.TarInfo(path)
            if isinstance(each.content, str):
                member.type = tarfile.LNKTYPE if each.hard else tarfile.SYMTYPE
                member.linkname = each.content
                archive.addfile(member)
            else:
                member.size, member.mode = len(each.content), 0o755
                archive.addfile(member, io.BytesIO(each.content))
    return out.getvalue()


def put(
    registry: Registry, name: str, *layers: Files, env: Sequence[str] = (), labels: Mapping[str, str] | None = None,
    architecture: str = "amd64", kind: str = "gzip", tag: str = "1",
) -> str:
    """Put an image into the registry blob by blob; gives its name. `kind` is what the layers claim to be."""
    tars = [layer(each) for each in layers]
    config = {"os": "linux", "architecture": architecture, "rootfs": {
        "type": "layers", "diff_ids": [_digest(each) for each in tars]},
        "config": {"Env": list(env), "Labels": dict(labels or {}), "WorkingDir": "/srv"}}
    blobs = [gzip.compress(each, mtime=0) if kind == "gzip" else each for each in tars]
    held = json.dumps(config).encode()
    suffix = f"+{kind}" if kind else ""
    manifest = {"schemaVersion": 2, "mediaType": registries.MANIFEST,
                "config": _described("application/vnd.oci.image.config.v1+json", held),
                "layers": [_described(f"application/vnd.oci.image.layer.v1.tar{suffix}", each) for each in blobs]}
    client = registries.Registry(registry.host)
    for blob in [*blobs, held]:
        upload.upload(client, name, upload.of_bytes(_digest(blob), blob, lambda _: None), "")
    client.put_manifest(name, tag, json.dumps(manifest).encode())
    return f"{registry.host}/{name}:{tag}"


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _described(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(data), "size": len(data)}


def resolve(place: str, tmp_path: Path, minor: str = MINOR, platform: str = "linux/amd64", **options: Any) -> Base:
    cache = tmp_path / "bases"
    cache.mkdir(exist_ok=True)
    given = {"ca": "", "plain_http": True, "emit": silent, **options}
    return bases.resolve(place, platform=platform, python_minor=minor, cache_dir=cache, **given)


def debian(python: str = "3.11.7") -> dict[str, File | bytes | str]:
    """A base as Debian lays it out, with the official Python images' own Python."""
    return {"lib": "usr/lib", "bin": "usr/bin", "usr/lib/x86_64-linux-gnu/libc.so.6": GLIBC,
            "usr/local/bin/python3.11": b"\x7fELF tiny", "usr/local/bin/python3": "python3.11",
            "usr/local/bin/python": "python3", "usr/local/lib/libpython3.11.so.1.0": program(python)}


# ---------------------------------------------------------------- what is found
def test_python_and_libc_are_found_in_the_layers(registry: Registry, tmp_path: Path) -> None:
    place = put(registry, "debian", {"etc/x": b"1"}, debian(), env=["PATH=/usr/local/bin:/usr/bin", "A=b=c"])
    found = resolve(place, tmp_path, "3.11")
    assert (found.python, found.version, found.libc) == ("/usr/local/bin/python3.11", "3.11.7", "glibc 2.36")
    assert found.platform == "linux/amd64"
    assert found.env == {"PATH": "/usr/local/bin:/usr/bin", "A": "b=c"}
    assert found.config["WorkingDir"] == "/srv"
    assert found.name.startswith(f"{registry.host}/debian@sha256:")
    assert [each.origin for each in found.layers] == [f"{registry.host}/debian"] * 2
    assert all(each.path is None for each in found.layers)
    bases.check(found, "3.11", Need("2.36", "x.so of x 1"))


def test_each_layer_is_read_once_and_an_image_asked_for_once(registry: Registry, tmp_path: Path) -> None:
    shared = debian()
    one = put(registry, "once", shared, {"etc/a": b"1"})
    two = put(registry, "once", shared, {"etc/a": b"2"}, tag="2")
    first = resolve(one, tmp_path, "3.11")
    start = len(registry.requests())
    assert resolve(one, tmp_path, "3.11") == first
    assert resolve(first.name, tmp_path, "3.11") == first
    assert registry.requests()[start:] == []
    resolve(two, tmp_path, "3.11")
    blobs = [each for each in registry.requests()[start:] if each.method == "GET" and "/blobs/" in each.path]
    assert len(blobs) == 2  # the configuration and the new layer


def test_a_tag_keeps_its_digest_for_a_day(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = put(registry, "moved", debian())
    before = resolve(place, tmp_path, "3.11")
    put(registry, "moved", debian(), {"etc/new": b"1"})
    assert resolve(place, tmp_path, "3.11") == before
    monkeypatch.setattr(bases, "RECORDED", 0.0)
    after = resolve(place, tmp_path, "3.11")
    assert (len(before.layers), len(after.layers)) == (1, 2)


def test_labels_spare_the_layers(registry: Registry, tmp_path: Path) -> None:
    labels = {"io.nbcontainer.python": "3.12.1", "io.nbcontainer.python.path": "/py/bin/python3",
              "io.nbcontainer.libc": "glibc 2.34"}
    place = put(registry, "labelled", {"etc/x": b"no tar of zstd"}, labels=labels, kind="zstd")
    start = len(registry.requests())
    found = resolve(place, tmp_path, "3.12")
    assert (found.python, found.version, found.libc) == ("/py/bin/python3", "3.12.1", "glibc 2.34")
    assert found.layers[0].media_type.endswith("+zstd")
    assert len([each for each in registry.requests()[start:] if "/blobs/" in each.path]) == 1


def test_upper_layers_delete_and_replace(registry: Registry, tmp_path: Path) -> None:
    other: Files = {"usr/local/bin/.wh.python3.11": b"", "opt/new/bin/python3.11": program("3.11.9"),
                    "usr/bin/python3": "/opt/new/bin/python3.11"}
    found = resolve(put(registry, "whiteout", debian(), other), tmp_path, "3.11")
    assert (found.python, found.version) == ("/opt/new/bin/python3.11", "3.11.9")
    emptied: Files = {"usr/local/.wh..wh..opq": b"", "usr/lib/x86_64-linux-gnu/libc.so.6": OLD_GLIBC,
                      "usr/bin/python3.11": program("3.11.2")}
    found = resolve(put(registry, "opaque", debian(), emptied), tmp_path, "3.11")
    assert (found.python, found.version, found.libc) == ("/usr/bin/python3.11", "3.11.2", "glibc 2.17")
    with pytest.raises(BaseError, match="has no Python"):
        resolve(put(registry, "bare", debian(), {".wh.usr": b""}), tmp_path, "3.11")


@pytest.mark.parametrize(
    ("files", "env", "python", "version"),
    [
        ({"usr/bin/python3.11": program("3.11.2"), "usr/bin/python3": "python3.11"}, (), "/usr/bin/python3.11",
         "3.11.2"),
        ({"opt/conda/bin/python3.11": program("3.11.5+"), "opt/conda/bin/python": "python3.11",
          "usr/bin/python3.11": program("3.11.2")}, ("PATH=/opt/conda/bin:/usr/bin",), "/opt/conda/bin/python3.11",
         "3.11.5"),
        ({"opt/conda/bin/python3.11": program("3.11.5")}, (), "/opt/conda/bin/python3.11", "3.11.5"),
        ({"opt/venv/bin/python": "/usr/local/bin/python3", "usr/local/bin/python3": File("./usr/local/bin/python3.11",
          hard=True), "usr/local/bin/python3.11": program("3.11.4")}, ("PATH=/opt/venv/bin",),
         "/usr/local/bin/python3.11", "3.11.4"),
        ({"usr/bin/python3": "/etc/alternatives/bin/python3", "etc/alternatives/bin/python3": "/usr/bin/python3.11",
          "bin": "usr/bin", "usr/bin/python3.11": b"\x7fELF"}, (), "/usr/bin/python3.11", "3.11"),
        ({"usr/local/bin/python3.11": b"\x7fELF"}, ("PYTHON_VERSION=3.11.3",), "/usr/local/bin/python3.11", "3.11.3"),
        ({"usr/local/bin/python3.11": b"\x7fELF\0/root/versions/3.11.6\0"}, (), "/usr/local/bin/python3.11", "3.11.6"),
    ],
)
def test_which_python(
    registry: Registry, tmp_path: Path, files: Files, env: Sequence[str], python: str, version: str
) -> None:
    found = resolve(put(registry, "which", {"lib/libc.so.6": GLIBC}, files, env=env), tmp_path, "3.11")
    assert (found.python, found.version) == (python, version)


def test_libc_by_its_files_name(registry: Registry, tmp_path: Path) -> None:
    files: Files = {"usr/bin/python3.8": program("3.8.10"), "lib/libc-2.31.so": b"", "lib/libc.so.6": "libc-2.31.so"}
    assert resolve(put(registry, "focal", files, kind=""), tmp_path, "3.8").libc == "glibc 2.31"


# ---------------------------------------------------------------- what is refused
def test_another_python(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(BaseError) as caught:
        resolve(put(registry, "other", debian("3.11.7")), tmp_path, "3.12")
    assert caught.value.message == (
        f"{registry.host}/other:1 has Python 3.11.7 (/usr/local/bin/python3.11); the notebook runs on 3.12")
    assert "python:3.12" in caught.value.hint


def test_musl(registry: Registry, tmp_path: Path) -> None:
    alpine: Files = {"lib/ld-musl-x86_64.so.1": b"", "usr/bin/python3.11": program("3.11.8")}
    found = resolve(put(registry, "alpine", alpine), tmp_path, "3.11")
    with pytest.raises(BaseError, match="has musl"):
        bases.check(found, "3.11", Need())


def test_a_glibc_older_than_a_captured_file_needs(registry: Registry, tmp_path: Path) -> None:
    old: Files = {**debian(), "usr/lib/x86_64-linux-gnu/libc.so.6": OLD_GLIBC}
    found = resolve(put(registry, "old", old), tmp_path, "3.11")
    bases.check(found, "3.11", Need("2.9", "early.so of early 1"))
    with pytest.raises(BaseError, match=r"_core\.so of numpy 2\.4 needs glibc 2\.27; \S+/old has 2\.17"):
        bases.check(found, "3.11", Need("2.27", "_core.so of numpy 2.4"))
    unknown = replace(found, libc="")
    bases.check(unknown, "3.11", Need())
    with pytest.raises(BaseError, match="can't be told"):
        bases.check(unknown, "3.11", Need("2.27", "_core.so of numpy 2.4"))


def test_another_platform(registry: Registry, tmp_path: Path) -> None:
    place = put(registry, "arm", debian(), architecture="arm64")
    with pytest.raises(BaseError, match="is for linux/arm64, not for linux/amd64"):
        resolve(place, tmp_path, "3.11")
    assert resolve(place, tmp_path, "3.11", "linux/arm64").platform == "linux/arm64"


def test_an_index_is_resolved_to_the_platform(registry: Registry, tmp_path: Path) -> None:
    for architecture in ("amd64", "arm64"):
        put(registry, "both", {**debian(), "etc/arch": architecture.encode()}, architecture=architecture,
            tag=architecture)
    crane("index", "append", "--insecure", "-t", f"{registry.host}/both:1", "-m", f"{registry.host}/both:amd64", "-m",
          f"{registry.host}/both:arm64")
    place = f"{registry.host}/both:1"
    one, other = (resolve(place, tmp_path, "3.11", f"linux/{each}") for each in ("amd64", "arm64"))
    assert one.name != other.name
    assert one.name == resolve(f"{registry.host}/both:amd64", tmp_path, "3.11").name
    with pytest.raises(BaseError, match="no image for linux/riscv64"):
        resolve(place, tmp_path, "3.11", "linux/riscv64")


@pytest.mark.parametrize(("kind", "says"), [("gzip", "no gzip tar"), ("", "no plain tar")])
def test_a_layer_that_is_not_what_it_claims(registry: Registry, tmp_path: Path, kind: str, says: str) -> None:
    place = put(registry, f"odd{kind}", debian(), kind="other" if kind else "gzip")
    named = json.loads(crane("manifest", "--insecure", place))
    suffix = f"+{kind}" if kind else ""
    named["layers"][0]["mediaType"] = f"application/vnd.oci.image.layer.v1.tar{suffix}"
    registries.Registry(registry.host).put_manifest(f"odd{kind}", "2", json.dumps(named).encode())
    with pytest.raises(BaseError, match=says) as caught:
        resolve(f"{registry.host}/odd{kind}:2", tmp_path, "3.11")
    assert "io.nbcontainer.libc" in caught.value.hint
    assert not list((tmp_path / "bases").glob("layer-*"))


def test_zstd_without_labels(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a Python before 3.14, whichever runs here."""
    monkeypatch.setitem(sys.modules, "compression", None)
    with pytest.raises(BaseError, match=r"compressed with zstd, which Python reads from 3\.14 on") as caught:
        resolve(put(registry, "zstd", debian(), kind="zstd"), tmp_path, "3.11")
    assert "label the image" in caught.value.hint


def test_no_such_image(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(RegistryError):
        resolve(f"{registry.host}/nowhere:1", tmp_path)


# ---------------------------------------------------------------- stood on
def own_python() -> Files:
    """A base with a Python of this minor."""
    return {**debian(), f"usr/local/bin/python{MINOR}": program(f"{MINOR}.1")}


def test_an_image_stands_on_it_and_is_pushed_by_mounts(registry: Registry, tmp_path: Path) -> None:
    base = resolve(put(registry, "under", own_python(), env=["PATH=/srv/bin:/usr/local/bin", "OWN=1"]), tmp_path)
    image = built(environment(tmp_path), base)
    start = len(registry.requests())
    push(image, f"{registry.host}/over", plain_http=True)
    mounted = [each for each in registry.requests()[start:] if "from=under" in each.query]
    assert [each.status for each in mounted] == [201]
    crane("validate", "--insecure", "--remote", f"{registry.host}/over@{image.digest}")
    around = json.loads(image.config)["config"]["Env"]
    assert "OWN=1" in around
    assert [each for each in around if each.startswith("PATH=/opt/nbcontainer/env/bin:/srv/bin:/usr/local/bin:")]
    assert image.layers[0] == base.layers[0]


def test_an_image_of_ours_that_an_engine_has_pushed(registry: Registry, tmp_path: Path, cache: Path) -> None:
    """Its manifest is another one then, without annotations; its configuration is the same."""
    base = resolve(put(registry, "below", own_python()), tmp_path)
    image = built(environment(tmp_path), base)
    push(image, f"{registry.host}/pushed:1", plain_http=True)
    manifest = json.loads(image.manifest)
    for each in manifest["layers"]:
        del each["annotations"]
    registries.Registry(registry.host).put_manifest("pushed", "2", json.dumps(manifest).encode())
    found = resolve(f"{registry.host}/pushed:2", tmp_path)
    assert [each.digest for each in found.layers] == [each.digest for each in base.layers]


def test_an_image_of_ours_is_a_base_without_what_was_put_on_it(
    registry: Registry, tmp_path: Path, cache: Path
) -> None:
    env = environment(tmp_path)
    host_base = based(env)
    image = built(env, host_base)
    pushed = push(image, f"{registry.host}/ours", plain_http=True)
    new_process()
    found = resolve(pushed, tmp_path)
    assert [each.digest for each in found.layers] == [each.digest for each in image.layers[: len(host_base.plans)]]
    assert (found.python, found.version) == (host_base.python, env.interpreter.version)
    assert found.libc == env.interpreter.libc
    again = plans.image_plan(environment=env, base=found, overlay=Overlay("plain", ""), notebook=[
        Entry("app/nb.py", source=b"print(2)")], runtime=[])
    assert native.build(again, Store(), silent).layers[: len(found.layers)] == found.layers
