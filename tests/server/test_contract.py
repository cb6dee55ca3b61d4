"""The contract is a valid document, and what the server answers is what it says."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from nbcontainer.options import VERBS
from nbcontainer.server.requests import TASKS, offered
from tests.server.browser import Browser
from tests.server.conftest import notebook
from tests.server.panel import Panel
from tests.server.test_tasks import ended


def holds(contract: dict[str, Any], path: str, verb: str, status: str, value: Any) -> None:
    """Raise unless `value` is what the contract says of this answer."""
    answers = contract["paths"][path][verb]["responses"]
    answer = answers.get(status, answers["default"])
    if "$ref" in answer:
        answer = contract["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    schema = answer["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": contract["components"]}).validate(value)


def test_it_is_a_valid_document(contract: dict[str, Any]) -> None:
    validate(contract)
    ids = [told["operationId"] for path in contract["paths"].values() for verb, told in path.items()
           if verb in ("get", "post", "delete")]
    assert len(ids) == len(set(ids))


def test_its_options_are_those_there_are(contract: dict[str, Any]) -> None:
    told = contract["components"]["schemas"]["Options"]["properties"]
    known = {name for verb in TASKS for name in offered(verb)}
    assert set(told) <= known
    assert contract["components"]["schemas"]["Request"]["properties"]["verb"]["enum"] == list(TASKS)


def test_answers(desk: Panel, contract: dict[str, Any]) -> None:
    found = desk.ask("GET", "/capabilities", notebook="tiny.ipynb")
    holds(contract, "/capabilities", "get", "200", found)
    assert found["verbs"] == list(VERBS)
    assert [each["name"] for each in found["targets"]] == ["local"]
    asked = {"verb": "build", "notebook": "tiny.ipynb", "options": {"base": "host"}}
    holds(contract, "/equivalent", "post", "200", desk.ask("POST", "/equivalent", asked))
    task = desk.ask("POST", "/tasks", asked)
    holds(contract, "/tasks", "post", "202", task)
    done = ended(desk, task)
    assert done["state"] == "done", done
    holds(contract, "/tasks/{task}", "get", "200", done)
    assert done["image"]["distributions"] == []
    holds(contract, "/tasks", "get", "200", desk.ask("GET", "/tasks"))
    again = desk.ask("POST", f"/tasks/{task['id']}/retry")
    holds(contract, "/tasks/{task}/retry", "post", "202", again)
    ended(desk, again)
    holds(contract, "/state", "get", "200", desk.ask("GET", "/state", topic="tasks"))
    inspection = desk.ask("GET", "/notebook", notebook="tiny.ipynb", base="host")
    holds(contract, "/notebook", "get", "200", inspection)
    assert inspection["notebook"] == "tiny.ipynb"
    assert [each["name"] for each in inspection["parameters"]] == ["text", "seconds"]
    assert [each["name"] for each in inspection["callables"]] == ["double"]
    assert inspection["since_last"]["digest"] == done["image"]["digest"]
    assert inspection["last"] == {"build": {"base": "host"}}
    holds(contract, "/tasks/{task}", "delete", "200", desk.ask("DELETE", f"/tasks/{task['id']}"))


def test_a_manifest(desk: Panel, contract: dict[str, Any]) -> None:
    import yaml

    task = desk.ask("POST", "/tasks", {"verb": "manifest", "notebook": "tiny.ipynb", "options": {
        "kind": "training", "image": "registry.example/a/b", "parameters": {"text": "<b>1</b>"}}})
    done = ended(desk, task)
    assert done["state"] == "done", done
    holds(contract, "/tasks/{task}", "get", "200", done)
    assert [each["kind"] for each in yaml.safe_load_all(done["yaml"])] == ["Job"]
    assert done["image"]["digest"] in done["yaml"]
    assert done["run"] is None


def test_what_cannot_become_an_image_is_inspected_too(desk: Panel, contract: dict[str, Any]) -> None:
    notebook(desk.server.root / "broken.ipynb", "import nobody_has_this\n", "def (")
    found = desk.ask("GET", "/notebook", notebook="broken.ipynb", target="nowhere")
    holds(contract, "/notebook", "get", "200", found)
    assert found["error"]


REFUSED = [
    ("GET", "/notebook", None, {}, 400),
    ("GET", "/notebook", None, {"notebook": "../x.ipynb"}, 400),
    ("GET", "/state", None, {"since": "-1"}, 400),
    ("POST", "/tasks", {"verb": "build", "notebook": "tiny.ipynb"}, {}, 400),
    ("POST", "/tasks", {"verb": "build", "notebook": "tiny.ipynb", "options": {}, "more": 1}, {}, 400),
    ("POST", "/equivalent", {"verb": "serve", "notebook": "tiny.ipynb", "options": {}}, {}, 400),
    ("DELETE", "/tasks/0123456789abcdef", None, {}, 404),
    ("POST", "/tasks/0123456789abcdef/retry", None, {}, 404),
]


@pytest.mark.parametrize(("verb", "path", "body", "query", "status"), REFUSED)
def test_refusals(
    verb: str, path: str, body: Any, query: dict[str, str], status: int, desk: Panel, contract: dict[str, Any]
) -> None:
    found, _, data = desk.raw(verb, path, query, body)
    assert found == status
    pattern = "/tasks/{task}" + path[len("/tasks/0123456789abcdef"):] if path.startswith("/tasks/") else path
    holds(contract, pattern, verb.lower(), str(status), json.loads(data))


LEADING_OUT = [
    "..%2fsecret.ipynb", "%2e%2e%2fsecret.ipynb", "work%2f..%2f..%2fsecret.ipynb", "..%5csecret.ipynb",
    "%2fetc%2fpasswd", "%2f..%2fsecret.ipynb", "C%3a%5csecret.ipynb", "C%3asecret.ipynb", "%5c%5chost%5csecret.ipynb",
    "tiny.ipynb%00.txt", "%00", "link.ipynb", "out%2fsecret.ipynb", "loop%2fx.ipynb", "~%2fsecret.ipynb",
    "%ed%a0%80.ipynb", "%ff.ipynb", "a" * 5000 + ".ipynb", "file%3a%2f%2f%2fetc%2fpasswd", ".", "", "%20",
    "folder.ipynb", "%25%32%65%25%32%65%2fsecret.ipynb",
]


@pytest.fixture(scope="module")
def secrets(desk: Panel) -> None:
    root = desk.server.root
    notebook(root.parent / "secret.ipynb", "SECRET = 'hidden content'")
    (root / "link.ipynb").symlink_to(root.parent / "secret.ipynb")
    (root / "out").symlink_to(root.parent)
    (root / "loop").symlink_to(root / "loop")
    (root / "folder.ipynb").mkdir()


@pytest.mark.parametrize("path", LEADING_OUT, ids=lambda path: path[:30])
def test_no_path_leads_out(path: str, desk: Panel, secrets: None) -> None:
    browser = Browser(desk.server)
    for route in ("notebook?notebook=", "capabilities?notebook="):
        found = browser.as_written(f"/nbcontainer/api/{route}{path}")
        assert b"hidden" not in found.body
        if route.startswith("notebook"):
            assert found.status == 400, found
        else:
            assert found.status in (200, 400), found
    for verb, target in (("build", "/tasks"), ("build", "/equivalent")):
        asked = {"verb": verb, "notebook": unquote(path), "options": {}}
        assert desk.raw("POST", target, None, asked)[0] == 400


def test_a_link_that_stays_inside_is_a_path(desk: Panel, secrets: None) -> None:
    root = desk.server.root
    notebook(root / "deep" / "er" / "Ünï cödé #1.ipynb")
    (root / "short").symlink_to(root / "deep" / "er")
    for path in ("deep/er/Ünï cödé #1.ipynb", "short/Ünï cödé #1.ipynb"):
        found = desk.ask("GET", "/notebook", notebook=path)
        assert found["notebook"] == path
        assert found["identity"]["path"].endswith("/deep/er/Ünï cödé #1.ipynb")
