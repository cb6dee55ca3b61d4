"""Image names: docker's grammar, and one line for what is none."""

from __future__ import annotations

import pytest

from nbcontainer.errors import UsageError
from nbcontainer.image.reference import Reference, parse

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "host", "repository", "tag", "digest"),
    [
        ("python", "docker.io", "library/python", "", ""),
        ("python:3.11-slim", "docker.io", "library/python", "3.11-slim", ""),
        ("jupyter/base-notebook", "docker.io", "jupyter/base-notebook", "", ""),
        ("index.docker.io/library/python:3", "docker.io", "library/python", "3", ""),
        ("localhost/team/x", "localhost", "team/x", "", ""),
        ("localhost:5000/x", "localhost:5000", "x", "", ""),
        ("127.0.0.1:5000/a/b/c:t", "127.0.0.1:5000", "a/b/c", "t", ""),
        ("[::1]:5000/a", "[::1]:5000", "a", "", ""),
        ("[::1]/a:b", "[::1]", "a", "b", ""),
        ("Registry.Example.com/a__b/c-d.e:V1_.-", "registry.example.com", "a__b/c-d.e", "V1_.-", ""),
        (f"ghcr.io/a/b@{DIGEST}", "ghcr.io", "a/b", "", DIGEST),
        (f"ghcr.io/a/b:1@{DIGEST}", "ghcr.io", "a/b", "1", DIGEST),
        ("registry:5000/a", "registry:5000", "a", "", ""),
        ("a/b:5000", "docker.io", "a/b", "5000", ""),
    ],
)
def test_names(text: str, host: str, repository: str, tag: str, digest: str) -> None:
    found = parse(text)
    assert found == Reference(host, repository, tag, digest)
    assert parse(str(found)) == found


def test_a_default_registry_holds_for_names_without_one() -> None:
    assert str(parse("digits:1", "registry.example.com/team")) == "registry.example.com/team/digits:1"
    assert str(parse("ghcr.io/a/b", "registry.example.com/team")) == "ghcr.io/a/b"


def test_another_tag_drops_the_digest() -> None:
    assert str(parse(f"ghcr.io/a/b:1@{DIGEST}").with_tag("2")) == "ghcr.io/a/b:2"
    with pytest.raises(UsageError, match="can't be a tag"):
        parse("ghcr.io/a/b").with_tag("no tag")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "can't be a repository"),
        ("ghcr.io/", "it has no repository"),
        ("ghcr.io/A/b", "no upper-case letters"),
        ("ghcr.io/a b", "can't be a repository"),
        ("ghcr.io/a//b", "can't be a repository"),
        ("ghcr.io/a/b:", "can't be a tag"),
        ("ghcr.io/a/b:x y", "can't be a tag"),
        ("ghcr.io/a/b:" + "x" * 129, "can't be a tag"),
        ("ghcr.io/a/b@sha256:abc", "isn't sha256: and 64 hex digits"),
        ("ghcr.io/a/b@" + "a" * 64, "isn't sha256: and 64 hex digits"),
        ("ghcr.io:99999/a", "there is no port 99999"),
        ("-ghcr.io/a", "isn't a host name"),
        ("ghcr.io/a\n/b", "can't be a repository"),
        ("ghcr.io/" + "a" * 256, "longer than 255 characters"),
        ("ghcr.io/$(id)", "can't be a repository"),
    ],
)
def test_what_is_no_name_is_one_line(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as told:
        parse(text)
    assert "\n" not in str(told.value)
