"""JSON becomes the same options as the other doors', whatever is new among them; and what a browser may not say."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import pytest

from nbcontainer import python
from nbcontainer.errors import NotebookError, UsageError
from nbcontainer.magics import MAGICS, words_of
from nbcontainer.options import VERBS, Parser, add_options, from_namespace, parse_magic
from nbcontainer.server.equivalent import command, magic
from nbcontainer.server.places import Places
from nbcontainer.server.requests import REFUSED, TASKS, Request, offered, read
from tests.server.conftest import notebook

# Per option a JSON value that isn't its default: a new option needs a line here, or one in REFUSED.
SAMPLES: dict[str, Any] = {
    "python": "/usr/bin/python3", "kernel": "python3", "target": "prod", "namespace": "ml", "base": "host",
    "platform": "linux/amd64", "image": "registry.example/a/b:c", "include": ["pip", "my dist"], "push": True,
    "name": "my-run", "cpu": "500m", "memory": "1.5Gi", "gpu": 2, "env": {"A": "", "B_2": "x=y z"},
    "secret": ["db", "s3.key"], "start_timeout": 90.5, "parameters": {"C": 0.1, "on": True, "no": None, "a": [1, {}]},
    "keep_outputs": True, "callable": "predict", "replicas": 3, "timeout": 1200, "kind": "inference",
}
ODD = [
    "", " ", "-", "--push", "-p", "a b", "it's", 'say "x"', "back\\slash", "$HOME {x} `y`", "# no comment", "a # b",
    "a#b", "{name}", "$name", "$$name's {{x}}", "é ☃ 字", "1.5", "True", "None", "null", '{"a": 1}', "[", "NaN",
    "-Infinity", "ends?", "%magic", "!cmd", "a;b", "=", "a=b", "\t", "a\nb", "\u2028", "\x1b[31m",
    "<script>alert(1)</script>", "x" * 10_000,
]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    notebook(tmp_path / "my work" / "it's #1.ipynb")
    return Places(tmp_path)


def asked(places: Places, verb: str, **options: Any) -> Request:
    if verb == "serve" or options.get("kind") == "inference":
        options.setdefault("callable", "predict")
    return read({"verb": verb, "notebook": "my work/it's #1.ipynb", "options": options}, places)


def typed(request: Request) -> Any:
    """The options of the command line that stands for `request`."""
    words = shlex.split(command(request))
    assert words[:2] == ["nbcontainer", request.verb]
    parser = Parser()
    add_options(parser, VERBS[request.verb][0])
    found = from_namespace(VERBS[request.verb][0], parser.parse_args(words[2:]))
    if request.verb == "serve":
        from nbcontainer.api import split_callable

        path, name = split_callable(found)
        found = replace(found, notebook=path, callable=name)
    return found


@pytest.fixture(scope="module")
def shell() -> Iterator[Any]:
    """IPython, in which `x` and `name` have values that a line must not pick up."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
    shell.user_ns.update(x="WRONG", name="WRONG", HOME="WRONG", seen=[])
    for each, verb in MAGICS.items():
        def call(line: str, each: str = each, verb: str = verb) -> None:
            shell.user_ns["seen"].append(parse_magic(verb, each, words_of(line, each)))

        shell.register_magic_function(call, "line", each)
    yield shell
    shell.restore_sys_module_state()
    InteractiveShell.clear_instance()


def in_a_cell(request: Request, shell: Any) -> Any:
    """The options of the cell that stands for `request`, as IPython runs it."""
    seen: list[Any] = []

    class Door:
        def __getattr__(self, verb: str) -> Any:
            return lambda **given: seen.append(python._options(VERBS[verb][0], given))

    shell.user_ns.update(seen=seen, nbcontainer=Door())
    text = magic(request)
    assert text.startswith("%") != text.startswith("import nbcontainer\n")
    ran = shell.run_cell(text.replace("import nbcontainer\n", ""))
    ran.raise_error()
    return seen[0]


@pytest.mark.parametrize("verb", TASKS)
def test_every_option_is_known_here(verb: str, places: Places) -> None:
    """An option that is neither read nor refused was forgotten."""
    for each in fields(VERBS[verb][0]):
        if each.name in REFUSED:
            with pytest.raises(UsageError, match=rf"^{each.name}: "):
                asked(places, verb, **{each.name: True})
        elif each.name in offered(verb):
            assert each.name in SAMPLES, f"{verb}: the new option {each.name} needs a sample"
            found = asked(places, verb, **{each.name: SAMPLES[each.name]})
            assert getattr(found.options, each.name) != each.default, each.name
        else:
            assert not each.metadata, each.name  # not an option of any door


@pytest.mark.parametrize("verb", TASKS)
def test_the_same_request_by_every_door(verb: str, places: Places, shell: Any) -> None:
    for name in offered(verb):
        for request in (asked(places, verb, **{name: SAMPLES[name]}),
                        asked(places, verb, **{each: SAMPLES[each] for each in offered(verb)})):
            assert typed(request) == request.options
            assert in_a_cell(request, shell) == replace(request.options, notebook="")


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_odd_values_come_back(odd: str, places: Places, shell: Any) -> None:
    options: dict[str, Any] = {
        "parameters": {"text": odd, "deep": {"list": [odd, 1, None, True, 0.1]}, "Δ": odd}, "env": {"V": odd},
        "base": odd, "name": odd,
    }
    if odd and odd.isprintable():
        options["include"] = [odd]
    request = asked(places, "train", **options)
    assert dict(request.options.env) == {"V": odd}
    assert dict(request.options.parameters)["deep"]["list"][0] == odd
    assert typed(request) == request.options
    assert in_a_cell(request, shell) == replace(request.options, notebook="")


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("train", {"cpus": "2"}, "no option 'cpus'"),
    ("build", {"cpu": "2"}, "no option 'cpu'"),
    ("train", {"cpu": "two"}, "cpu: 'two' is not a quantity"),
    ("train", {"cpu": 2}, "cpu: it must be text"),
    ("train", {"memory": "4 Gi"}, "memory: '4 Gi' is not a quantity"),
    ("train", {"gpu": "1"}, "gpu: it must be a whole number"),
    ("train", {"gpu": True}, "gpu: it must be a whole number"),
    ("train", {"gpu": 1.0}, "gpu: it must be a whole number"),
    ("train", {"gpu": -1}, "gpu: '-1' is not a number of 0 or more"),
    ("serve", {"replicas": 10**9}, "replicas: '1000000000' is not a number"),
    ("train", {"env": {"A-B": "x"}}, "env: 'A-B' can't name an environment variable"),
    ("train", {"env": {"A=B": "x"}}, "env: 'A=B' can't be a name"),
    ("train", {"env": {" A": "x"}}, "env: ' A' can't be a name"),
    ("train", {"env": {"A": 1}}, "env: 1 is not text"),
    ("train", {"env": {"A": "\0"}}, "env: it holds a NUL character"),
    ("train", {"env": [["A", "x"]]}, "env: it must be an object"),
    ("train", {"env": None}, "env: it must be an object"),
    ("train", {"secret": "db"}, "secret: it must be a list of texts"),
    ("train", {"secret": ["Not A Name"]}, "secret: 'Not A Name' can't name a secret"),
    ("train", {"secret": [1]}, "secret: 1 is not text"),
    ("train", {"parameters": {"a b": 1}}, "parameters: parameter 'a b' is not a Python name"),
    ("train", {"parameters": []}, "parameters: it must be an object"),
    ("train", {"keep_outputs": "yes"}, "keep_outputs: it must be true or false"),
    ("train", {"keep_outputs": 1}, "keep_outputs: it must be true or false"),
    ("train", {"start_timeout": "10m"}, "start_timeout: it must be a number of seconds"),
    ("train", {"start_timeout": -1}, "start_timeout: -1 is not a number of seconds"),
    ("train", {"start_timeout": 1e999}, "start_timeout: inf is not a number of seconds"),
    ("train", {"target": None}, "target: it must be text"),
    ("train", {"base": "a\0b"}, "base: it holds a NUL character"),
    ("manifest", {"kind": "both"}, "kind: 'both' is none of training, inference"),
    ("manifest", {"timeout": 1}, "no option 'timeout'"),
    ("serve", {"callable": ""}, "callable: which function"),
    ("serve", {"callable": "a.b"}, "callable: 'a.b' can't name a function"),
    ("manifest", {"kind": "inference", "callable": ""}, "callable: which function"),
    ("build", {"output": "oci:/tmp/x"}, "output: a browser can't write files"),
    ("build", {"notebook": "/etc/passwd"}, "notebook: the request names the notebook"),
    ("scale", {}, "no verb 'scale' here"),
]


@pytest.mark.parametrize(("verb", "options", "said"), WRONG, ids=[str(each[1]) for each in WRONG])
def test_a_wrong_option_is_named(verb: str, options: dict[str, Any], said: str, places: Places) -> None:
    with pytest.raises(UsageError) as error:
        asked(places, verb, **options)
    assert error.value.message.startswith(said)


def test_nothing_of_env_is_given_on(places: Places) -> None:
    request = asked(places, "train", env={"TOKEN": "hidden"}, cpu="2")
    assert request.env_names == ("TOKEN",)
    assert request.given == {"cpu": "2"}


def test_only_notebooks_below_the_root(places: Places) -> None:
    with pytest.raises(NotebookError):
        read({"verb": "build", "notebook": "../x.ipynb", "options": {}}, places)


def test_samples_are_of_options() -> None:
    known = {each.name for verb in TASKS for each in fields(VERBS[verb][0]) if each.default is not MISSING}
    assert set(SAMPLES) <= known
