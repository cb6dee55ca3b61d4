"""What a person may ask for: values read, refused and defaulted the same in every door."""

from __future__ import annotations

from typing import Any

import pytest

from nbcontainer import options
from nbcontainer.errors import UsageError
from nbcontainer.options import parse_magic

PARAMETERS: dict[str, tuple[str, Any]] = {
    "a=1": ("a", 1),
    "a=1.5": ("a", 1.5),
    "a=1e-3": ("a", 0.001),
    "a=true": ("a", True),
    "a=True": ("a", True),
    "a=False": ("a", False),
    "a=None": ("a", None),
    "a=null": ("a", None),
    "a=[1, 2]": ("a", [1, 2]),
    'a={"b": "c d"}': ("a", {"b": "c d"}),
    "a=": ("a", ""),
    "a=x y=z": ("a", "x y=z"),
    "a='quoted'": ("a", "'quoted'"),
    "a=two\nlines": ("a", "two\nlines"),
    "a=é $(ls) ; `x`": ("a", "é $(ls) ; `x`"),
    "größe=1": ("größe", 1),
    "a=NaN": ("a", "NaN"),
}


@pytest.mark.parametrize("text", PARAMETERS)
def test_parameters(text: str) -> None:
    assert options.parameter(text) == PARAMETERS[text]
    assert type(options.parameter(text)[1]) is type(PARAMETERS[text][1])


BAD = {
    "parameter": ["", "a", "=1", "a b=1", "1a=1", "a-b=1", "a;ls=1"],
    "env_pair": ["", "A", "=1", "1A=x", "A B=x", "A-B=x", "é=x", "A=\0"],
    "quantity": ["", "lots", "-1", "1 Gi", "1gi", "1;ls", "Gi", "1e3", "1\n"],
    "secret": ["", "A", "a_b", "a b", "-a", "a/", "a\n", "$(x)"],
    "count": ["", "-1", "1.5", "x", "1000000000", "²", "1\n"],
    "seconds": ["", "x", "-1", "1d", "10 m", "1h2m", "1\n"],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in BAD.items() for text in texts])
def test_values_that_cant_be(kind: str, text: str) -> None:
    with pytest.raises(UsageError):
        getattr(options, kind)(text)


def test_values_that_can_be() -> None:
    assert options.env_pair("A_1=x y=z\n") == ("A_1", "x y=z\n")
    assert [options.quantity(each) for each in ("2", "0.5", "500m", "4Gi")] == ["2", "0.5", "500m", "4Gi"]
    assert [options.seconds(each) for each in ("90", "90s", "10m", "1.5h")] == [90.0, 90.0, 600.0, 5400.0]
    assert options.secret("my-db.prod") == "my-db.prod"
    assert options.count("0") == 0


def test_a_magics_line() -> None:
    found = parse_magic("train", "train", ["-p", "a=1", "-p", "b=x y", "--env", "K=v", "--cpu", "2", "--follow"])
    assert found == options.TrainOptions(
        parameters=(("a", 1), ("b", "x y")), env=(("K", "v"),), cpu="2", follow=True)
    assert parse_magic("serve", "serve", ["predict", "--replicas", "3"]) == options.ServeOptions(
        callable="predict", replicas=3)
    assert parse_magic("train", "train", []) == options.TrainOptions()
    assert parse_magic("build", "containerize", ["--notebook", "a b.ipynb"]).notebook == "a b.ipynb"


@pytest.mark.parametrize(("verb", "words"), [
    ("train", ["--frob"]), ("train", ["--foll"]), ("train", ["a.ipynb"]), ("scale", ["x"]), ("scale", ["x", "-1"]),
    ("runs", ["--kind", "other"]), ("train", ["--gpu", "x"]), ("train", ["--cpu"]),
])
def test_lines_that_cant_be(verb: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as raised:
        parse_magic(verb, verb, words)
    assert "\n" not in str(raised.value)


def test_every_verb_has_help_and_defaults() -> None:
    for verb, (kind, about) in options.VERBS.items():
        kind()  # nothing is required to make one in Python
        text = options.magic_parser(verb, verb).format_help()
        assert about in text
