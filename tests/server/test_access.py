"""Who gets an answer: nobody without the token or a login, and no other site with a person's login."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from nbcontainer.server.routes import PREFIX, routes
from tests.doors.jupyter_server import TOKEN, Server, server
from tests.server.browser import Browser
from tests.server.panel import Panel

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
SAMPLES = {"task": "0123456789abcdef", "log": "0123456789abcdef", "name": "some-run"}


def paths(contract: dict[str, Any]) -> list[str]:
    """Each path of the contract and of the code, with samples for its parameters."""
    told = {re.sub(r"{(\w+)}", lambda found: SAMPLES[found[1]], path) for path in contract["paths"]}
    return sorted(told)


@pytest.fixture
def guarded(guard: Server) -> Browser:
    """A browser that has not been here before."""
    return Browser(guard)


@pytest.fixture(scope="module", params=["everywhere", "strict"])
def guard(request: pytest.FixtureRequest, desk: Panel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that lets unauthenticated handlers be (the default), and one that allows none."""
    if request.param == "everywhere":
        yield desk.server
        return
    home = tmp_path_factory.mktemp("strict")
    words = ("--ServerApp.jpserver_extensions=nbcontainer.server=True", "--ServerApp.base_url=/user/ada/",
             "--ServerApp.allow_unauthenticated_access=False")
    env = {"HOME": str(home), "NBCONTAINER_STATE": str(home / "state")}
    with server(home, home / "runtime", *words, env=env) as found:
        yield found


def test_the_contract_has_every_route(contract: dict[str, Any]) -> None:
    patterns = [re.compile(pattern.removeprefix(PREFIX)) for pattern, _ in routes()]
    for path in paths(contract):
        assert sum(bool(each.fullmatch(path)) for each in patterns) == 1, path
    for each in patterns:
        assert any(each.fullmatch(path) for path in paths(contract)), each.pattern


def test_the_contract_has_every_verb(contract: dict[str, Any]) -> None:
    from tornado.web import RequestHandler

    for pattern, handler in routes():
        path = next(p for p in contract["paths"]
                    if re.fullmatch(pattern.removeprefix(PREFIX), re.sub(r"{(\w+)}", lambda f: SAMPLES[f[1]], p)))
        code = {verb for verb in VERBS if getattr(handler, verb.lower()) is not getattr(RequestHandler, verb.lower())}
        told = {verb.upper() for verb in contract["paths"][path]} & set(VERBS)
        assert code == told, path


def test_nobody_without_a_token(guarded: Browser, contract: dict[str, Any]) -> None:
    for path in paths(contract):
        for verb in VERBS:
            found = guarded.api(verb, path, {} if verb in ("POST", "PUT", "PATCH") else None)
            assert found.status in (401, 403), (verb, path, found)
            if verb != "HEAD":
                assert set(found.json()) == {"error", "message"}, (verb, path, found)
                assert found.json()["error"]["stage"] == "server"
    for words in ({"Authorization": "token wrong"}, {"Authorization": f"Bearer {TOKEN}x"}):
        assert guarded.api("GET", "/tasks", **words).status in (401, 403)
    assert guarded.with_token("GET", "/tasks").status == 200


def test_a_preflight_tells_nothing(guarded: Browser, contract: dict[str, Any]) -> None:
    for path in paths(contract):
        found = guarded.api("OPTIONS", path, Origin="https://evil.example", Access_Control_Request_Method="POST")
        assert found.body == b"" or found.status == 403
        assert "Access-Control-Allow-Origin" not in found.headers


def test_a_login_and_its_xsrf_token(desk: Panel) -> None:
    person = Browser(desk.server).log_in()
    asked = {"verb": "build", "notebook": "tiny.ipynb", "options": {}}
    assert person.api("GET", "/tasks").status == 200
    assert person.api("POST", "/equivalent", asked).status == 403
    found = person.api("POST", "/equivalent", asked, X_XSRFToken=person.cookies["_xsrf"])
    assert found.status == 200, found
    assert found.json()["magic"] == "%containerize"


def test_another_site_gets_nothing(desk: Panel, contract: dict[str, Any]) -> None:
    person = Browser(desk.server).log_in()
    before = person.api("GET", "/tasks").json()
    asked = {"verb": "build", "notebook": "tiny.ipynb", "options": {}}
    for path in paths(contract):
        for verb in ("POST", "DELETE"):
            for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"},
                            {"Origin": "https://evil.example", "Content_Type": "text/plain"}):
                assert person.api(verb, path, asked, **headers).status == 403, (verb, path, headers)
        if path == "/events":  # a websocket's origin: below
            continue
        found = person.api("GET", path, Origin="https://evil.example")
        assert found.status == 403, (path, found)
        assert "Access-Control-Allow-Origin" not in found.headers
    assert person.api("GET", "/tasks").json() == before


def test_another_host_name_gets_nothing(desk: Panel) -> None:
    """DNS that is made to point here must not open the server to that name's pages."""
    person = Browser(desk.server).log_in()
    assert person.api("GET", "/tasks", Host="evil.example").status == 403


def test_the_websocket_asks_who_is_there(guarded: Browser) -> None:
    assert guarded.socket() == (403, None)
    status, opened = guarded.socket(Authorization=f"token {TOKEN}")
    assert status == 101
    assert json.loads(opened.recv())["type"] == "hello"
    opened.close()


def test_the_websocket_asks_from_where(desk: Panel) -> None:
    person = Browser(desk.server).log_in()
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{person.port + 1}"):
        assert person.socket(Origin=origin) == (403, None), origin
    status, opened = person.socket(Origin=f"http://127.0.0.1:{person.port}")
    assert status == 101
    opened.close()


def test_below_a_base_url(guarded: Browser) -> None:
    found = guarded.with_token("GET", "/capabilities")
    assert found.status == 200
    assert found.json()["default_target"] == "local"
    assert guarded.base in ("", "/user/ada")
    if guarded.base:
        elsewhere = Browser(replace(guarded.server, info={**guarded.server.info, "base_url": "/"}))
        assert elsewhere.with_token("GET", "/capabilities").status == 404


def test_what_a_refusal_says(desk: Panel) -> None:
    anyone = Browser(desk.server)
    for path in ("/nowhere", "/tasks/0123", "/runs/UPPER", "/logs/../tasks"):
        assert anyone.with_token("GET", path).status == 404, path
    for body in (b"{", b"[]", b"null", b'{"verb": NaN}', b"\xff", b'{"a":' * 5000, b""):
        found = anyone.with_token("POST", "/tasks", body)
        assert found.status == 400, body[:20]
        assert found.json()["error"]["stage"] == "usage"
    assert anyone.with_token("PUT", "/tasks", {}).status == 405
    assert anyone.with_token("GET", "/tasks/0123456789abcdef").json()["error"]["message"] == (
        "no task 0123456789abcdef on this server")


def test_its_files_are_this_users_only(desk: Panel) -> None:
    state = desk.server.root.parent / "state"
    desk.ask("POST", "/tasks", {"verb": "build", "notebook": "tiny.ipynb", "options": {"target": "local"}})
    for each in state.rglob("*"):
        assert each.stat().st_mode & 0o077 == 0, each
