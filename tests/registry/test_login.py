"""Logins: where they are found, what is said without one, and that no secret is ever shown or sent in the clear."""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from nbcontainer.errors import AuthError, NbcontainerError
from nbcontainer.image.credentials import Keychain
from nbcontainer.image.push import fetcher
from tests.registry.conftest import digest_at, image, new_process, push
from tests.registry.proxy import Fault, Proxy
from tests.registry_server import Registry, start_registry
from tests.registry_tokens import TokenServer

USER, PASSWORD = "ada", "correct:horse%20\"battery'"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that asks for a password."""
    found = start_registry(tmp_path_factory.mktemp("locked"), htpasswd={USER: PASSWORD})
    yield found
    found.close()


def auth(user: str = USER, password: str = PASSWORD) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))


def helper(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / f"docker-credential-{name}"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def pushed(host: str, repository: str) -> bool:
    built = image()
    return push(built, f"{host}/{repository}").endswith(built.digest)


def refusal(host: str, match: str, kind: type[NbcontainerError] = AuthError) -> str:
    with pytest.raises(kind, match=match) as told:
        push(image(), f"{host}/refused:v1")
    text = f"{told.value} {told.value.__cause__!r} {told.value.as_json()}"
    for secret in (PASSWORD, "another-one", auth()["auth"], auth(password="another-one")["auth"]):
        assert secret not in text
    assert "\n" not in str(told.value)
    return str(told.value)


# ---------------------------------------------------------------- where logins are
def test_dockers_file(locked: Registry, home: Path) -> None:
    write(home / ".docker/config.json", {"auths": {locked.host: auth()}})
    assert pushed(locked.host, "docker")


def test_dockers_older_addresses(locked: Registry, home: Path) -> None:
    write(home / ".docker/config.json", {"auths": {f"https://{locked.host}/v1/": auth()}})
    assert pushed(locked.host, "older")


def test_dockers_folder_by_variable(locked: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "elsewhere/config.json", {"auths": {locked.host: auth()}})
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "elsewhere"))
    assert pushed(locked.host, "variable")


def test_podmans_file(locked: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "run/containers/auth.json", {"auths": {locked.host: auth()}})
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    assert pushed(locked.host, "podman")


def test_podmans_login_for_one_repository(locked: Registry, home: Path) -> None:
    write(home / ".config/containers/auth.json",
          {"auths": {f"{locked.host}/team/one": auth(), locked.host: auth(password="another-one")}})
    assert pushed(locked.host, "team/one/x")
    refusal(locked.host, "refuses the login")


def test_a_file_by_variable(locked: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "my-auth.json", {"auths": {locked.host: auth()}})
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "my-auth.json"))
    assert pushed(locked.host, "file")


def test_a_pull_secret_mounted_in_a_pod(locked: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "secret/.dockerconfigjson", {"auths": {locked.host: auth()}})
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "secret"))
    assert pushed(locked.host, "secret")


def test_two_variables(locked: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBCONTAINER_REGISTRY", f"{locked.host}/team")
    monkeypatch.setenv("NBCONTAINER_REGISTRY_USERNAME", USER)
    monkeypatch.setenv("NBCONTAINER_REGISTRY_PASSWORD", PASSWORD)
    assert pushed(locked.host, "variables")
    assert Keychain().find("other.example") is None


@pytest.mark.parametrize("kind", ["credHelpers", "credsStore"])
def test_a_helper(locked: Registry, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    answer = json.dumps({"Username": USER, "Secret": PASSWORD})
    (tmp_path / "answer").write_text(answer)
    script = f'read host; echo "$1 $host" >> {tmp_path}/asked; cat {tmp_path}/answer\n'
    helper(tmp_path, "test", script, monkeypatch)
    named = {locked.host: "test"} if kind == "credHelpers" else "test"
    write(home / ".docker/config.json", {"auths": {locked.host: {}}, kind: named})
    assert pushed(locked.host, "helper")
    assert pushed(locked.host, "helper-again")
    assert (tmp_path / "asked").read_text() == f"get {locked.host}\n"  # once per process: helpers are slow


def test_a_login_made_after_a_refusal_is_seen(locked: Registry, home: Path) -> None:
    refusal(locked.host, "none was found")
    write(home / ".docker/config.json", {"auths": {locked.host: auth()}})
    assert pushed(locked.host, "renewed")


# ---------------------------------------------------------------- what is said
def test_no_login(locked: Registry, home: Path) -> None:
    told = refusal(locked.host, r"asks for a login \(401\) and none was found")
    assert f"docker login {locked.host}" in told
    assert str(home / ".docker/config.json") in told


def test_a_wrong_login(locked: Registry, home: Path) -> None:
    write(home / ".docker/config.json", {"auths": {locked.host: auth(password="another-one")}})
    refusal(locked.host, r"refuses the login from .*config\.json \(401\)")


def test_files_and_helpers_that_are_broken(
    locked: Registry, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = home / ".docker/config.json"
    write(file, {})
    file.write_text("{ not JSON")
    refusal(locked.host, r"config\.json is no JSON")
    write(file, {"auths": {locked.host: {"auth": "****"}}})
    refusal(locked.host, r"can't be decoded|none was found")
    write(file, {"credsStore": "absent"})
    refusal(locked.host, "docker-credential-absent isn't installed")
    helper(tmp_path, "bad", f"echo '{PASSWORD[:4]}' >&2; exit 3\n", monkeypatch)
    write(file, {"credsStore": "bad"})
    refusal(locked.host, r"docker-credential-bad .* failed .* exit code 3")
    helper(tmp_path, "none", "echo 'credentials not found in native keychain'; exit 1\n", monkeypatch)
    write(file, {"credsStore": "none"})
    refusal(locked.host, "none was found")


def test_no_secret_in_any_text(locked: Registry, home: Path) -> None:
    write(home / ".docker/config.json", {"auths": {locked.host: auth()}})
    found = Keychain().find(locked.host)
    assert found
    assert found.password == PASSWORD
    assert PASSWORD not in f"{found!r} {found} {Keychain()!r}"
    assert auth()["auth"] not in f"{found!r} {found}"


# ---------------------------------------------------------------- tokens
def test_tokens_are_fetched_once_and_renewed(tmp_path: Path, home: Path) -> None:
    tokens = TokenServer(tmp_path, USER, PASSWORD)
    registry = start_registry(tmp_path / "registry", tokens=tokens)
    try:
        write(home / ".docker/config.json", {"auths": {registry.host: auth()}})
        assert pushed(registry.host, "tokens")
        assert tokens.asked == [["repository:tokens:pull,push"]]
        built = image("print(2)")
        push(built, f"{registry.host}/tokens")
        assert len(tokens.asked) == 1
        assert pushed(registry.host, "mounted")
        assert any("repository:tokens:pull" in each for asked in tokens.asked for each in asked)
    finally:
        registry.close()
        tokens.close()


def test_a_token_that_ends_during_the_push_is_renewed(tmp_path: Path, home: Path) -> None:
    tokens = TokenServer(tmp_path, USER, PASSWORD, lifetime=2.0)
    registry = start_registry(tmp_path / "registry", tokens=tokens)
    try:
        write(home / ".docker/config.json", {"auths": {registry.host: auth()}})
        assert pushed(registry.host, "renewed")
        time.sleep(2.1)
        assert push(image("print(2)"), f"{registry.host}/renewed")
        assert len(tokens.asked) >= 2
    finally:
        registry.close()
        tokens.close()


class IdentityServer(TokenServer):
    """A token server that also takes an identity token, by POST, as OAuth 2 has it."""

    def __init__(self, folder: Path, token: str) -> None:
        super().__init__(folder, USER, PASSWORD)
        self.forms: list[dict[str, list[str]]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                server.forms.append(form)
                if form.get("refresh_token") != [token]:
                    return server._send(self, 401, {"errors": [{"code": "UNAUTHORIZED"}]})
                access = [server._access(each) for each in form["scope"][0].split()]
                return server._send(self, 200, {"access_token": server._token(access), "expires_in": 300})

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._identity = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._identity.server_address[1]}/token"
        self._second = threading.Thread(target=self._identity.serve_forever, args=(0.01,), daemon=True)
        self._second.start()

    def close(self) -> None:
        self._identity.shutdown()
        self._identity.server_close()
        self._second.join()
        super().close()


@pytest.mark.parametrize("kind", ["identitytoken", "helper"])
def test_an_identity_token_is_exchanged(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    token = "a-refresh-token/with+signs=&"
    tokens = IdentityServer(tmp_path, token)
    registry = start_registry(tmp_path / "registry", tokens=tokens)
    try:
        if kind == "helper":
            answer = json.dumps({"Username": "<token>", "Secret": token})
            (tmp_path / "answer").write_text(answer)
            helper(tmp_path, "identity", f"cat {tmp_path}/answer\n", monkeypatch)
            write(home / ".docker/config.json", {"credHelpers": {registry.host: "identity"}})
        else:
            write(home / ".docker/config.json", {"auths": {registry.host: {"identitytoken": token}}})
        assert pushed(registry.host, "identity")
        assert [each["grant_type"] for each in tokens.forms] == [["refresh_token"]]
    finally:
        registry.close()
        tokens.close()


def test_a_token_service_that_refuses(tmp_path: Path, home: Path) -> None:
    tokens = TokenServer(tmp_path, USER, PASSWORD, allow=frozenset(("pull",)))
    registry = start_registry(tmp_path / "registry", tokens=tokens)
    try:
        refusal(registry.host, r"asks for a login \(401\) and none was found")
        write(home / ".docker/config.json", {"auths": {registry.host: auth(password="another-one")}})
        refusal(registry.host, "refuses the login from")
        write(home / ".docker/config.json", {"auths": {registry.host: auth()}})
        refusal(registry.host, r"\(401\)")  # a known user who may only read
    finally:
        registry.close()
        tokens.close()


# ---------------------------------------------------------------- in the clear
def test_no_login_goes_over_plain_http_unasked(
    locked: Registry, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def resolved(host: Any, *arguments: Any, **named: Any) -> Any:
        return real("127.0.0.1" if host == "registry.test" else host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    place = f"registry.test:{locked.host.rpartition(':')[2]}"
    write(home / ".docker/config.json", {"auths": {place: auth()}})
    with pytest.raises(AuthError, match=r"over plain HTTP; the one from .* was not sent") as told:
        push(image(), f"{place}/clear", plain_http=True)
    assert "NBCONTAINER_PLAIN_HTTP_LOGIN=1" in told.value.hint
    assert not any(each.user for each in locked.requests() if "/clear/" in each.path)
    new_process()
    monkeypatch.setenv("NBCONTAINER_PLAIN_HTTP_LOGIN", "1")
    built = image()
    push(built, f"{place}/clear", plain_http=True)
    assert locked.requests()[-1].user == USER


def test_a_download_that_leads_elsewhere_takes_no_login_there(
    locked: Registry, registry: Registry, home: Path
) -> None:
    built = image()
    layer = built.layers[0]
    push(built, f"{registry.host}/storage")
    storage = f"http://{registry.host}/v2/storage/blobs/{layer.digest}"
    proxy = Proxy(locked.host, Fault("GET", "/blobs/", times=0))
    try:
        write(home / ".docker/config.json", {"auths": {proxy.host: auth()}})
        push(built, f"{proxy.host}/led")
        proxy.faults[0] = Fault("GET", "/blobs/", status=307, headers={"Location": storage})
        with fetcher(ca="", plain_http=False)(replace(layer, path=None, origin=f"{proxy.host}/led")) as stream:
            assert len(stream.read()) == layer.size
    finally:
        proxy.close()
    last = registry.requests()[-1]
    assert (last.method, last.path.endswith(layer.digest), last.user) == ("GET", True, "")


def test_an_open_registry_is_sent_no_login(registry: Registry, home: Path) -> None:
    write(home / ".docker/config.json", {"auths": {registry.host: auth()}})
    built = image()
    push(built, f"{registry.host}/open")
    assert digest_at(f"{registry.host}/open:{built.digest[7:19]}") == built.digest
    assert not any(each.user for each in registry.requests())
