"""Fixtures: a person whose cache already has the layers that every image here shares."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.conftest import Cluster
from tests.whole.person import TINY, Person


@pytest.fixture(scope="session")
def person(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> Iterator[Person]:
    found = Person(tmp_path_factory.mktemp("person") / "home", cluster)
    found.notebook("tiny.ipynb", *TINY)
    yield found
    found.clear()


@pytest.fixture(scope="session")
def image(person: Person) -> str:
    """The image of tiny.ipynb in the cluster's registry, by digest."""
    told = json.loads(person.run("build", "tiny.ipynb", "--push", "--image",
                                 f"{person.cluster.registry}/{person.prefix}/shared:v1", "--json"))
    return str(told["reference"])
