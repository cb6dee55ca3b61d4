"""Images into real engines: only what is missing, nothing the second time, and clear errors."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import BinaryIO

import pytest

from nbcontainer.errors import NbcontainerError, RegistryError
from nbcontainer.image.store import Store
from nbcontainer.model import Layer, Progress, silent
from nbcontainer.orchestrators.local import Local, load
from tests.local import images


def nothing(layer: Layer) -> BinaryIO:
    raise AssertionError(f"{layer.digest} was fetched")


def test_a_second_load_only_looks_and_a_changed_notebook_sends_its_layer(local: Local, store: Store) -> None:
    extra = os.urandom(2_000_000)
    one, two = (images.image(store, text, extra) for text in ("first", "second"))
    told: list[Progress] = []
    reference = load.load(local.engine, one, "nbcontainer/edits", nothing, told.append)  # type: ignore[arg-type]
    assert reference.endswith(f"nbcontainer/edits:{one.digest[7:19]}")
    assert told[-1].done == told[-1].total > 2_000_000
    assert {each.stage for each in told} == {"load"}
    told.clear()
    assert load.load(local.engine, one, "nbcontainer/edits", nothing, told.append) == reference  # type: ignore[arg-type]
    assert told == []
    again = load.load(local.engine, two, "nbcontainer/edits", nothing, told.append)  # type: ignore[arg-type]
    assert again != reference
    moved = told[-1].done
    assert 0 < moved < 20_000, f"{moved} bytes for one changed layer"
    has = local.engine.api.inspect_image(again)
    assert has["Id"].removeprefix("sha256:") == two.config_digest.removeprefix("sha256:")
    assert has["RootFS"]["Layers"] == [layer.diff_id for layer in two.layers]
    tags = [tag for each in local.engine.api.images() for tag in each["RepoTags"] or ()]
    assert not [tag for tag in tags if "127.0.0.1" in tag], "the pull's own name was left"


def test_layers_that_only_a_registry_has_are_fetched(local: Local, store: Store) -> None:
    built = images.image(store, "far away", os.urandom(1000))
    far = replace(built, layers=tuple(replace(layer, path=None, origin="host/repo") for layer in built.layers))
    paths = {layer.digest: layer.path for layer in built.layers}
    asked: list[str] = []

    def fetch(layer: Layer) -> BinaryIO:
        asked.append(layer.digest)
        path = paths[layer.digest]
        assert path
        return open(path, "rb")

    load.load(local.engine, far, "nbcontainer/far", fetch, silent)
    assert far.layers[0].digest in asked
    assert far.layers[2].digest in asked


def test_a_registry_that_breaks_off_leaves_no_image(local: Local, store: Store) -> None:
    built = images.image(store, "broken", os.urandom(1000))
    far = replace(built, layers=tuple(replace(layer, path=None, origin="host/repo") for layer in built.layers))

    def fetch(layer: Layer) -> BinaryIO:
        raise RegistryError("host can't be reached")

    with pytest.raises(RegistryError, match="host can't be reached"):
        load.load(local.engine, far, "nbcontainer/broken", fetch, silent)
    tags = [tag for each in local.engine.api.images() for tag in each["RepoTags"] or ()]
    assert not [tag for tag in tags if "broken" in tag]


def test_an_interrupted_load_leaves_no_image(local: Local, store: Store) -> None:
    built = images.image(store, "interrupted", os.urandom(3_000_000))

    def emit(event: object) -> None:
        if isinstance(event, Progress) and event.done > 1_000_000:
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, NbcontainerError)):
        load.load(local.engine, built, "nbcontainer/interrupted", nothing, emit)
    tags = [tag for each in local.engine.api.images() for tag in each["RepoTags"] or ()]
    assert not [tag for tag in tags if "interrupted" in tag]


def test_the_name_that_was_asked_for(local: Local, store: Store) -> None:
    built = images.image(store, "named")
    reference = load.load(local.engine, built, "example.org:5000/team/name:v1", nothing, silent)
    assert reference == "example.org:5000/team/name:v1"
    assert local.engine.api.inspect_image(reference)["Id"].endswith(built.config_digest[7:])
