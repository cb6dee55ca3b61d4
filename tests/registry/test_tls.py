"""TLS by a private authority, plain HTTP by setting only, and what is said where one of them is wrong."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbcontainer.errors import ConfigError, RegistryError
from tests.cluster.keys import Authority
from tests.registry.conftest import digest_at, image, new_process, push
from tests.registry_server import Registry, start_registry


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "the tests' own CA")


@pytest.fixture(scope="module")
def tls(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    found = start_registry(tmp_path_factory.mktemp("tls"), tls=authority)
    yield found
    found.close()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> str:
    """A host name that isn't loopback by its name, and leads to this machine."""
    real = socket.getaddrinfo

    def resolved(host: Any, *arguments: Any, **named: Any) -> Any:
        return real("127.0.0.1" if host == "registry.test" else host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    return "registry.test"


def test_the_named_authority_is_trusted(tls: Registry, authority: Authority) -> None:
    built = image()
    push(built, f"{tls.host}/trusted", ca=str(authority.certificate))
    assert digest_at(f"{tls.host}/trusted:{built.digest[7:19]}") == built.digest


def test_an_unknown_authority_is_one_line_that_names_the_setting(tls: Registry) -> None:
    with pytest.raises(RegistryError, match="signed by an authority unknown here") as told:
        push(image(), f"{tls.host}/unknown")
    assert "ca = FILE" in told.value.hint
    assert "\n" not in str(told.value)


def test_another_authority_does_not_help(tls: Registry, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other", "another CA")
    with pytest.raises(RegistryError, match="signed by an authority unknown here"):
        push(image(), f"{tls.host}/unknown", ca=str(other.certificate))


def test_plain_http_does_not_turn_checking_off(tls: Registry, elsewhere: str) -> None:
    with pytest.raises(RegistryError, match="signed by an authority unknown here"):
        push(image(), f"{elsewhere}:{tls.host.rpartition(':')[2]}/unknown", plain_http=True)


def test_a_certificate_for_another_name(tls: Registry, authority: Authority, elsewhere: str) -> None:
    with pytest.raises(RegistryError, match=r"the certificate of registry\.test:.*mismatch.*registry\.test"):
        push(image(), f"{elsewhere}:{tls.host.rpartition(':')[2]}/name", ca=str(authority.certificate))


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_an_authority(tls: Registry, tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=r"ca = .*ca\.pem: (No such file|it holds no PEM)"):
        push(image(), f"{tls.host}/x", ca=str(file))


def test_plain_http_needs_the_setting(registry: Registry, elsewhere: str) -> None:
    place = f"{elsewhere}:{registry.host.rpartition(':')[2]}/plain"
    with pytest.raises(RegistryError, match="speaks plain HTTP, not TLS") as told:
        push(image(), place)
    assert "plain_http = true" in told.value.hint
    new_process()
    built = image()
    assert push(built, place, plain_http=True).endswith(f"@{built.digest}")
    assert digest_at(f"{registry.host}/plain:{built.digest[7:19]}") == built.digest


def test_loopback_may_speak_plain_http(registry: Registry, authority: Authority) -> None:
    built = image()
    push(built, f"localhost:{registry.host.rpartition(':')[2]}/local", ca=str(authority.certificate))
    assert digest_at(f"{registry.host}/local:{built.digest[7:19]}") == built.digest
