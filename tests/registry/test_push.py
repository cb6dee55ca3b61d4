"""Pushes to a real registry: whole images that other tools accept, and no more requests or bytes than needed."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from nbcontainer.errors import BuildError, RegistryError, UsageError
from nbcontainer.image import push as pushes
from nbcontainer.image.layout import write_oci
from nbcontainer.image.reference import parse
from nbcontainer.model import BuiltImage, Event, Layer, Progress
from tests.registry.conftest import crane, digest_at, image, new_process, push, validate
from tests.registry.proxy import Proxy
from tests.registry_server import Registry, Request, start_registry


def since(registry: Registry, start: int) -> list[Request]:
    return registry.requests()[start:]


def in_registry(built: BuiltImage, place: str) -> BuiltImage:
    """The image as one knows it whose layers are all in the repository `place`."""
    return replace(built, layers=tuple(replace(each, path=None, origin=place, new=False) for each in built.layers))


def test_a_pushed_image_is_whole(registry: Registry) -> None:
    built = image()
    pushed = push(built, f"{registry.host}/whole")
    assert pushed == f"{registry.host}/whole:{built.digest[7:19]}@{built.digest}"
    assert digest_at(pushed.partition("@")[0]) == built.digest
    validate(f"{registry.host}/whole@{built.digest}")


def test_an_edit_is_one_small_layer_and_few_requests(registry: Registry) -> None:
    push(image("print(1)"), f"{registry.host}/edit")
    start, edited = len(registry.requests()), image("print(2)")
    push(edited, f"{registry.host}/edit")
    made = since(registry, start)
    assert sorted(each.method for each in made) == ["HEAD", "POST", "POST", "PUT", "PUT", "PUT"]
    assert sum(each.received for each in made) < 8_000
    assert [each.digest for each in edited.layers if each.new] == [edited.layers[-1].digest]
    assert digest_at(f"{registry.host}/edit:{edited.digest[7:19]}") == edited.digest


def test_an_edit_pushed_by_a_new_process_sends_no_old_layer(registry: Registry) -> None:
    push(image("print(1)"), f"{registry.host}/again")
    new_process()
    start = len(registry.requests())
    push(image("print(2)"), f"{registry.host}/again")
    assert sum(each.received for each in since(registry, start)) < 16_000


def test_the_same_image_again_is_one_request(registry: Registry) -> None:
    built = image()
    first = push(built, f"{registry.host}/same")
    start = len(registry.requests())
    assert push(built, f"{registry.host}/same") == first
    assert [each.method for each in since(registry, start)] == ["HEAD"]


def test_another_tag_of_a_known_image_sends_no_blob(registry: Registry) -> None:
    built = image()
    push(built, f"{registry.host}/tags")
    start = len(registry.requests())
    to = parse(f"{registry.host}/tags")
    pushed = pushes.push(built, to, tags=["v1", "latest"])
    assert pushed == f"{registry.host}/tags:v1@{built.digest}"
    assert not [each for each in since(registry, start) if "/blobs/" in each.path]
    assert {digest_at(f"{registry.host}/tags:{tag}") for tag in ("v1", "latest")} == {built.digest}


def test_without_tags_the_image_is_there_by_digest(registry: Registry) -> None:
    built = image()
    to = parse(f"{registry.host}/untagged")
    assert pushes.push(built, to) == f"{registry.host}/untagged@{built.digest}"
    validate(f"{registry.host}/untagged@{built.digest}")


def test_another_repository_gets_the_layers_mounted(registry: Registry) -> None:
    push(image(), f"{registry.host}/here")
    start, built = len(registry.requests()), image()
    push(built, f"{registry.host}/team/there")
    made = since(registry, start)
    assert sum(each.received for each in made) < 16_000
    assert [each.status for each in made if "mount=" in each.query] == [201] * len(built.layers)
    validate(f"{registry.host}/team/there@{built.digest}")


def test_a_registry_without_mounts_gets_the_layers_sent(proxied: Callable[..., Proxy]) -> None:
    proxy = proxied(mounts=False)
    push(image(), f"{proxy.host}/from")
    built = image()
    push(built, f"{proxy.host}/into")
    assert proxy.count("POST", "mount=") == len(built.layers)
    validate(f"{proxy.host}/into@{built.digest}")


def test_a_large_layer_that_is_there_is_not_sent_for_want_of_mounts(
    proxied: Callable[..., Proxy], tmp_path: Path
) -> None:
    proxy = proxied(mounts=False)
    push(image("print(1)"), f"{proxy.host}/one")
    push(image("print(1)"), f"{proxy.host}/two")
    two = next(file for file in (tmp_path / "cache/pushed").rglob("*") if file.is_file()
               and json.loads(file.read_text())["repository"] == "two")
    two.unlink()
    seen, built = len(proxy.seen), image("print(2)")
    push(built, f"{proxy.host}/two")
    assert max(each[2] for each in proxy.seen[seen:]) < 16_000
    assert proxy.count("DELETE", "/uploads/") == 1
    validate(f"{proxy.host}/two@{built.digest}")


def test_a_home_that_knows_nothing_sends_no_large_layer(registry: Registry, tmp_path: Path) -> None:
    push(image("print(1)"), f"{registry.host}/forgotten")
    for file in (tmp_path / "cache/pushed").rglob("*"):
        if file.is_file():
            file.unlink()
    new_process()
    start = len(registry.requests())
    push(image("print(2)"), f"{registry.host}/forgotten")
    assert sum(each.received for each in since(registry, start)) < 16_000


def test_a_layer_of_another_registry_is_streamed_through(registry: Registry, tmp_path: Path) -> None:
    origin = start_registry(tmp_path / "origin")
    try:
        built = image()
        push(built, f"{origin.host}/base")
        push(in_registry(built, f"{origin.host}/base"), f"{registry.host}/copied")
        validate(f"{registry.host}/copied@{built.digest}")
    finally:
        origin.close()


def test_a_layer_of_the_same_registry_is_mounted(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = image()
    push(built, f"{registry.host}/base/image")
    monkeypatch.setenv("NBCONTAINER_CACHE", str(tmp_path / "another cache"))
    start = len(registry.requests())
    push(in_registry(built, f"{registry.host}/base/image"), f"{registry.host}/mounted")
    assert not [each for each in since(registry, start) if each.method == "GET"]
    validate(f"{registry.host}/mounted@{built.digest}")


def test_an_origin_that_lacks_the_layer_is_an_error_and_no_tag(registry: Registry, tmp_path: Path) -> None:
    origin = start_registry(tmp_path / "origin")
    try:
        built = image(seed=7)
        with pytest.raises(RegistryError, match=f"can't pull {origin.host}/nothing") as told:
            push(in_registry(built, f"{origin.host}/nothing"), f"{registry.host}/lacking:v1")
        assert "\n" not in str(told.value)
        assert digest_at(f"{registry.host}/lacking:v1") == ""
    finally:
        origin.close()


def test_a_layer_that_is_nowhere_is_an_error(registry: Registry) -> None:
    built = image(seed=8)
    lost = replace(built, layers=tuple(replace(each, path=None) for each in built.layers))
    with pytest.raises(BuildError, match="is nowhere"):
        push(lost, f"{registry.host}/nowhere")


def test_a_manifest_that_was_deleted_is_noticed(registry: Registry) -> None:
    first = image("print(1)")
    push(first, f"{registry.host}/deleted")
    crane("delete", "--insecure", f"{registry.host}/deleted@{first.digest}")
    second = image("print(2)")
    push(second, f"{registry.host}/deleted")
    validate(f"{registry.host}/deleted@{second.digest}")


def test_blobs_that_were_collected_are_sent_again(registry: Registry) -> None:
    first = image("print(1)", seed=11)
    push(first, f"{registry.host}/collected")
    stored = registry.folder / "data/docker/registry/v2"
    for layer in first.layers:  # what a garbage collector leaves of them: nothing
        (stored / "repositories/collected/_layers/sha256" / layer.digest[7:] / "link").unlink()
    (stored / "blobs/sha256" / first.layers[0].digest[7:9] / first.layers[0].digest[7:] / "data").unlink()
    second = image("print(2)", seed=11)
    push(second, f"{registry.host}/collected")
    validate(f"{registry.host}/collected@{second.digest}")


def test_pushes_side_by_side_do_not_mind_each_other(registry: Registry) -> None:
    images = [image(f"print({number})", seed=14 + number % 2) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda built: push(built, f"{registry.host}/side"), images))
    assert done == [f"{registry.host}/side:{built.digest[7:19]}@{built.digest}" for built in images]
    for built in images:
        validate(f"{registry.host}/side@{built.digest}")
    last = image("print(9)", seed=14)
    push(last, f"{registry.host}/side")
    validate(f"{registry.host}/side@{last.digest}")


def test_a_layer_that_is_there_twice_goes_up_once(registry: Registry) -> None:
    built = _doubled(image(seed=12))
    start = len(registry.requests())
    push(built, f"{registry.host}/twice")
    assert sum(each.received > 100_000 for each in since(registry, start)) == 1
    validate(f"{registry.host}/twice@{built.digest}")


def test_progress_is_in_bytes_and_names_layers(registry: Registry) -> None:
    events: list[Event] = []
    built = image(seed=13, library=3_000_000)
    push(built, f"{registry.host}/progress", emit=events.append)
    told = [each for each in events if isinstance(each, Progress)]
    assert {(each.stage, each.unit) for each in told} == {("push", "B")}
    assert "of 3 layers to " in told[0].message
    assert told[-1].message == f"pushed {registry.host}/progress:{built.digest[7:19]}"
    assert told[-1].done == told[-1].total == sum(each.size for each in built.layers) + len(built.config)
    assert [each.done for each in told] == sorted(each.done for each in told)


def test_one_post_brings_a_small_blob_where_the_registry_takes_it(proxied: Callable[..., Proxy]) -> None:
    proxy = proxied(single=True)
    push(image("print(1)"), f"{proxy.host}/single")
    seen, edited = len(proxy.seen), image("print(2)")
    push(edited, f"{proxy.host}/single")
    assert sorted(each[0] for each in proxy.seen[seen:]) == ["HEAD", "POST", "POST", "PUT"]
    validate(f"{proxy.host}/single@{edited.digest}")


def test_a_digest_that_is_not_the_images_own_is_refused(registry: Registry) -> None:
    with pytest.raises(UsageError, match="can't be pushed to a digest"):
        push(image(), f"{registry.host}/x:v1@sha256:{'a' * 64}")


def test_a_cache_that_cannot_be_written_makes_no_push_fail(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = image()
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("NBCONTAINER_CACHE", str(tmp_path / "a file" / "cache"))
    push(built, f"{registry.host}/uncached")
    assert digest_at(f"{registry.host}/uncached:{built.digest[7:19]}") == built.digest


# ---------------------------------------------------------------- the other way
def test_a_fetched_image_is_what_was_pushed(registry: Registry, tmp_path: Path) -> None:
    built = image()
    pushed = push(built, f"{registry.host}/fetched")
    found = pushes.fetch(pushed, ca="", plain_http=False, platform="linux/amd64")
    assert (found.manifest, found.config) == (built.manifest, built.config)
    assert [each.origin for each in found.layers] == [f"{registry.host}/fetched"] * 3
    assert [(x.digest, x.size, x.diff_id, x.content) for x in found.layers] == [
        (x.digest, x.size, x.diff_id, x.content) for x in built.layers
    ]
    write_oci(found, tmp_path / "layout", "v1", fetch=pushes.fetcher(ca="", plain_http=False))
    for each in found.layers:
        blob = (tmp_path / "layout" / "blobs" / "sha256" / each.digest[7:]).read_bytes()
        assert f"sha256:{hashlib.sha256(blob).hexdigest()}" == each.digest


def test_an_index_gives_the_image_of_the_platform(registry: Registry) -> None:
    built = image()
    push(built, f"{registry.host}/index:amd64")
    crane("index", "append", "--insecure", "-m", f"{registry.host}/index:amd64", "-t", f"{registry.host}/index:all")
    found = pushes.fetch(f"{registry.host}/index:all", ca="", plain_http=False, platform="linux/amd64")
    assert found.digest == built.digest
    with pytest.raises(RegistryError, match=r"has no image for linux/arm64.*it has: linux/amd64"):
        pushes.fetch(f"{registry.host}/index:all", ca="", plain_http=False, platform="linux/arm64")
    with pytest.raises(RegistryError, match="is for linux/amd64, not for linux/arm64"):
        pushes.fetch(f"{registry.host}/index:amd64", ca="", plain_http=False, platform="linux/arm64")


def test_an_image_that_is_not_there_is_one_line(registry: Registry) -> None:
    push(image(), f"{registry.host}/known:v1")
    for name in ("known:v2", f"known@sha256:{'0' * 64}", "unknown/repository:v1"):
        with pytest.raises(RegistryError, match=r"can't pull .* has no such image \(404\)") as told:
            pushes.fetch(f"{registry.host}/{name}", ca="", plain_http=False, platform="linux/amd64")
        assert "\n" not in str(told.value)


def test_a_layer_whose_bytes_differ_is_refused(registry: Registry) -> None:
    built = image(seed=21)
    push(built, f"{registry.host}/damaged")
    layer = built.layers[0]
    stored = registry.folder / "data/docker/registry/v2/blobs/sha256" / layer.digest[7:9] / layer.digest[7:] / "data"
    damaged = bytearray(stored.read_bytes())
    damaged[1000] ^= 1
    stored.write_bytes(damaged)
    fetch = pushes.fetcher(ca="", plain_http=False)
    with pytest.raises(RegistryError, match="has another digest"), \
            fetch(replace(layer, path=None, origin=f"{registry.host}/damaged")) as stream:
        shutil.copyfileobj(stream, io.BytesIO())


def _doubled(built: BuiltImage) -> BuiltImage:
    """The same image with its first layer once more on top."""
    layers: tuple[Layer, ...] = (*built.layers, built.layers[0])
    manifest, config = json.loads(built.manifest), json.loads(built.config)
    config["rootfs"]["diff_ids"].append(layers[0].diff_id)
    config["history"].append(config["history"][0])
    data = json.dumps(config).encode()
    manifest["layers"].append(manifest["layers"][0])
    manifest["config"] |= {"digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "size": len(data)}
    return BuiltImage(json.dumps(manifest).encode(), data, layers)
