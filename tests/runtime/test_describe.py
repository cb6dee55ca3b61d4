"""GET /openapi.json: the served function as an OpenAPI document that says what the server really takes."""

from __future__ import annotations

import functools
import json
import subprocess
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import openapi_spec_validator
import pandas as pd
import pytest

from nbcontainer.runtime import arguments, describe
from tests.environment.parts import pyenv
from tests.runtime.test_serve import running, served


def document(call: Any, name: str = "predict") -> dict[str, Any]:
    made: dict[str, Any] = json.loads(describe.dumps(arguments.Signature(name, call), call))
    openapi_spec_validator.validate(made)
    return made


def request(made: Mapping[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = made["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return schema


def by_name(call: Any) -> dict[str, Any]:
    schema = request(document(call))
    found: dict[str, Any] = next(each for each in schema.get("anyOf", [schema]) if "properties" in each)
    return found


NUMBERS = {"type": "array", "items": {"type": "number"}}
TYPES: dict[str, dict[str, Any]] = {
    "int": {"type": "integer"}, "float": {"type": "number"}, "str": {"type": "string"}, "bool": {"type": "boolean"},
    "None": {"type": "null"}, "list": {"type": "array"}, "dict": {"type": "object"}, "tuple": {"type": "array"},
    "list[float]": NUMBERS, "'list[float]'": NUMBERS, "tuple[float, ...]": NUMBERS,
    "tuple[int, str]": {"type": "array"},
    "Sequence[float]": NUMBERS, "typing.List[float]": NUMBERS, "list[list[float]]": {"type": "array", "items": NUMBERS},
    "list[np.ndarray]": {"type": "array"},
    "dict[str, list[float]]": {"type": "object", "additionalProperties": NUMBERS},
    "typing.Optional[str]": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    "int | None": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    "typing.Union[int, np.ndarray]": {"anyOf": [{"type": "integer"}, {}]},
    "typing.Literal['x', 1]": {"enum": ["x", 1]},
    "np.ndarray": {}, "pd.DataFrame": {}, "typing.Any": {}, "bytes": {}, "[1, 2]": {}, "np.ones(3)": {}, "{'a': 1}": {},
    "'not a type'": {}, "'Missing[int]'": {}, "'list[Missing]'": {"type": "array"}, "lambda: 1": {},
}


@pytest.mark.parametrize("annotation", TYPES)
@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"], ids=["evaluated", "text"])
def test_annotations_become_types_where_json_has_them(annotation: str, future: str) -> None:
    space: dict[str, Any] = {"np": np, "pd": pd, "typing": typing, "Sequence": Sequence}
    exec(compile(f"{future}def f(x: {annotation}, y=1): ...", "<cell>", "exec", dont_inherit=True), space)
    schema = request(document(space["f"]))
    assert schema["anyOf"][0]["properties"] == {"x": TYPES[annotation], "y": {"default": 1}}
    assert schema["anyOf"][1] == {"title": "the one argument", "not": {"type": "object"}, **TYPES[annotation]}


def test_title_description_defaults_and_answers() -> None:
    ones = np.ones(3)

    def predict(pixels: list[float], top: int = 3, scale=ones, far=float("inf"), big=[0] * 50_000, model=object,
                words=("a", None), *, raw: bool = False) -> Any:
        """The digit.

        Of 64 pixels.
        """

    made = document(predict, "guess")
    assert made["openapi"] == "3.1.0"
    assert (made["info"]["title"], made["info"]["description"]) == ("guess", "The digit.\n\nOf 64 pixels.")
    found = by_name(predict)
    assert found["required"] == ["pixels"]
    assert {name: each["default"] for name, each in found["properties"].items() if "default" in each} == {
        "top": 3, "words": ["a", None], "raw": False}
    assert set(made["paths"]) == {"/predict", "/healthz", "/readyz", "/metrics"}
    answers = made["paths"]["/predict"]["post"]["responses"]
    assert set(answers) == {"200", "400", "422", "500"}
    for code in ("400", "422", "500"):
        schema = answers[code]["content"]["application/json"]["schema"]
        jsonschema.validate({"error": "no"}, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"error": 1}, schema)


class Called:
    """An object that is called."""

    def __call__(self, x: int, y: float = 1.5) -> None: ...

    def method(self, x: int) -> None:
        """A method."""


class Odd:
    __signature__ = "no signature"

    def __call__(self, *_: Any) -> None: ...

    @property
    def __doc__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no")


def test_objects_methods_and_partials() -> None:
    assert by_name(Called())["properties"] == {"x": {"type": "integer"}, "y": {"type": "number", "default": 1.5}}
    assert document(Called())["info"]["description"] == "An object that is called."
    assert document(Called().method)["info"]["description"] == "A method."
    partial = functools.partial(Called().method, x=3)
    assert by_name(partial)["properties"]["x"] == {"type": "integer", "default": 3}
    assert document(partial)["info"]["description"] == "A method."
    assert "description" not in document(lambda x: x)["info"]


# ---------------------------------------------------------------- the schema takes what the server takes
def _none() -> None: ...
def _one(x): ...  # type: ignore[no-untyped-def]
def _two(x, y): ...  # type: ignore[no-untyped-def]
def _default(x, y=1): ...  # type: ignore[no-untyped-def]
def _keyword(x, *, y): ...  # type: ignore[no-untyped-def]
def _only_keyword(*, y): ...  # type: ignore[no-untyped-def]
def _any(*args, **kwargs): ...  # type: ignore[no-untyped-def]
def _args(*args): ...  # type: ignore[no-untyped-def]
def _kwargs(**kwargs): ...  # type: ignore[no-untyped-def]
def _mixed(x, *args, y=2, **kwargs): ...  # type: ignore[no-untyped-def]
def _positional(x, /): ...  # type: ignore[no-untyped-def]
def _optional_positional(x=1, /): ...  # type: ignore[no-untyped-def]
def _two_positional(x, y, /): ...  # type: ignore[no-untyped-def]
def _half_positional(x, /, y): ...  # type: ignore[no-untyped-def]
def _half_default(x, /, y=1): ...  # type: ignore[no-untyped-def]


CALLS: list[Callable[..., Any]] = [
    _none, _one, _two, _default, _keyword, _only_keyword, _any, _args, _kwargs, _mixed, _positional,
    _optional_positional, _two_positional, _half_positional, _half_default, max, dict, print, Odd(), np.add,
    lambda x=np.zeros(3): x,  # noqa: B008
]
BODIES: list[Any] = [
    None, 1, "x", [1], {}, {"x": 1}, {"y": 1}, {"x": 1, "y": 2}, {"z": 1}, {"x": 1, "z": 1}, {"x": 1, "y": 2, "z": 3},
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: getattr(call, "__name__", type(call).__name__))
def test_the_schema_takes_a_body_when_the_server_does(call: Any) -> None:
    signature = arguments.Signature("f", call)
    schema = request(document(call))
    for body in BODIES:
        try:
            signature.bind(body)
            taken = True
        except arguments.Wrong:
            taken = False
        assert jsonschema.Draft202012Validator(schema).is_valid(body) is taken, (body, schema)


# ---------------------------------------------------------------- for real
def test_a_served_function_describes_itself(tmp_path: Path) -> None:
    source = (
        "from __future__ import annotations\nimport helper\nimport numpy as np\nfrom typing import Optional\n"
        "def predict(pixels: list[float], name: Optional[str] = None, weights=np.ones(2)):\n"
        "    '''Sum them.'''\n    return [sum(pixels), name]\n"
    )
    with running(served(tmp_path, source)) as server:
        code, made = server.ask("GET", "/openapi.json")
        assert code == 200
        openapi_spec_validator.validate(made)
        assert (made["info"]["title"], made["info"]["description"]) == ("predict", "Sum them.")
        properties = request(made)["anyOf"][0]["properties"]
        assert properties["pixels"] == {"type": "array", "items": {"type": "number"}}
        assert properties["name"] == {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}
        assert properties["weights"] == {}
        for body in ({"pixels": [1, 2.5], "name": "a"}, {"pixels": []}, [1, 2]):
            jsonschema.validate(body, request(made))
            assert server.predict(body)[0] == 200
        wrong = {"pixel": [1]}
        assert not jsonschema.Draft202012Validator(request(made)).is_valid(wrong)
        code, problem = server.predict(wrong)
        assert code == 422
        jsonschema.validate(problem, made["paths"]["/predict"]["post"]["responses"]["422"]["content"]
                            ["application/json"]["schema"])
        assert server.ask("POST", "/openapi.json", b"1")[0] == 405
        for path in ("/healthz", "/readyz", "/metrics"):
            assert server.ask("GET", path)[0] == 200
            assert path in made["paths"]
        assert b'path="/openapi.json",code="200"} 1' in server.ask("GET", "/metrics")[1]


def test_an_old_python_describes_what_it_can(tmp_path: Path) -> None:
    python = pyenv("3.8")
    folder = Path(describe.__file__).parents[1]
    code = (
        "from __future__ import annotations\nimport sys, typing\n"
        f"sys.path.insert(0, {str(folder)!r})\nfrom runtime import arguments, describe\n"
        "def f(a: list[int], b: int | None, c: typing.List[int], d: typing.Optional[float] = None): 'Old.'\n"
        "sys.stdout.write(describe.dumps(arguments.Signature('f', f), f).decode())\n"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    made = json.loads(done.stdout)
    openapi_spec_validator.validate(made)
    assert request(made)["properties"] == {
        "a": {"type": "array"}, "b": {}, "c": {"type": "array", "items": {"type": "integer"}},
        "d": {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None},
    }
