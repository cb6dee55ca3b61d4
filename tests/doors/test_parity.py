"""The doors can't drift apart: one request by command line, magic and Python gives one options value."""

from __future__ import annotations

from typing import Any

import pytest

import nbcontainer
from nbcontainer import api, cli
from nbcontainer.magics import Magics
from nbcontainer.model import RunStatus
from nbcontainer.run import Run

REQUESTS: list[tuple[str, list[str], list[str], tuple[tuple[Any, ...], dict[str, Any]]]] = [
    (
        "train",
        ["a b.ipynb", "--cpu", "2", "-p", "c=1.5", "--env", "K=v w", "--secret", "db", "--gpu", "1"],
        ["--notebook", "'a b.ipynb'", "--cpu", "2", "-p", "c=1.5", "--env", "'K=v w'", "--secret", "db", "--gpu", "1"],
        (("a b.ipynb",), {"cpu": "2", "parameters": {"c": 1.5}, "env": {"K": "v w"}, "secret": "db", "gpu": 1}),
    ),
    (
        "build",
        ["n.ipynb", "--base", "host", "--image", "r.example/x:y", "--push", "--include", "pip"],
        ["--notebook", "n.ipynb", "--base", "host", "--image", "r.example/x:y", "--push", "--include", "pip"],
        (("n.ipynb",), {"base": "host", "image": "r.example/x:y", "push": True, "include": ["pip"]}),
    ),
    (
        "check",
        ["n.ipynb", "--base", "host", "--target", "t", "--include", "pip"],
        ["--check", "--notebook", "n.ipynb", "--base", "host", "--target", "t", "--include", "pip"],
        (("n.ipynb",), {"base": "host", "target": "t", "include": ["pip"]}),
    ),
    ("scale", ["inference", "5"], ["inference", "5"], (("inference", 5), {})),
    ("stop", ["training", "--target", "t"], ["training", "--target", "t"], (("training",), {"target": "t"})),
    ("status", ["x"], ["x"], (("x",), {})),
    ("runs", ["--kind", "training"], ["--kind", "training"], ((), {"kind": "training"})),
]


class _Runner:
    name = "fake at the api's edge"


@pytest.mark.parametrize(("verb", "words", "line", "call"), REQUESTS, ids=[r[0] for r in REQUESTS])
def test_three_doors_one_request(
    verb: str, words: list[str], line: list[str], call: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    seen: list[Any] = []
    status = RunStatus("x", "training", "local", "", "Succeeded")

    def record(options: Any, session: Any) -> Any:
        seen.append(options)
        return [] if verb == "runs" else Run(_Runner(), status)  # type: ignore[arg-type]

    monkeypatch.setattr(api, verb, record)
    monkeypatch.setitem(cli.SHOWN, verb, lambda *_: 0)
    assert cli.main([verb, *words, "--quiet"]) == 0
    arguments, options = call
    getattr(nbcontainer, verb)(*arguments, **options)
    magic = {"build": "containerize", "check": "containerize"}.get(verb, verb)
    for shown in ("show.image_text", "show.image_html", "show_check.inspection_text", "show_check.inspection_html"):
        monkeypatch.setattr(f"nbcontainer.{shown}", lambda _: "")
    Magics(shell=None).call(magic, " ".join(line))
    assert len(seen) == 3
    assert seen[0] == seen[1] == seen[2]


def test_three_doors_one_log(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    seen: list[Any] = []

    class Recorder:
        def logs(self, name: str, options: Any) -> Any:
            seen.append((name, options.previous, options.tail, options.follow))
            return iter(())

    run = Run(Recorder(), RunStatus("x", "training", "local", "", "Succeeded"))  # type: ignore[arg-type]
    for verb in ("logs", "status"):
        monkeypatch.setattr(api, verb, lambda options, session: run)
    assert cli.main(["logs", "x", "--previous", "--tail", "3"]) == 0
    nbcontainer.logs("x", previous=True, tail=3)
    Magics(shell=None).call("logs", "x --previous --tail 3")
    assert seen == [("x", True, 3, False)] * 3
    assert cli.main(["logs", "x", "--previous", "--follow"]) == 2
    assert "can't be followed" in capsys.readouterr().err


def test_serve_names_its_callable_in_each_door() -> None:
    from nbcontainer.options import ServeOptions

    assert api.split_callable(ServeOptions(notebook="a.ipynb:predict")) == ("a.ipynb", "predict")
    assert api.split_callable(ServeOptions(notebook="a.ipynb", callable="f")) == ("a.ipynb", "f")
    assert api.split_callable(ServeOptions(callable="f")) == ("", "f")
