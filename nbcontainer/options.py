"""What a person may ask for: one frozen type per verb, and the one parser that all doors share.

What this is: options, their defaults, help and flags. What it is not: settings from files (config.py) or work (api.py).
In the flow: a door parses into one of these and hands it to the api. An empty string means "not said": then the
settings decide.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NoReturn, TypeVar

from nbcontainer.errors import UsageError
from nbcontainer.model import QUANTITY

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


def opt(help: str, *flags: str, default: Any = "", **argparse_words: Any) -> Any:
    """A field that the parser turns into `flags`; without flags it is positional."""
    return field(default=default, metadata={"help": help, "flags": flags, "argparse": argparse_words})


def pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"{text!r} is not NAME=VALUE", "write it as name=value, quoted where it holds spaces")
    return name.strip(), value


def parameter(text: str) -> tuple[str, Any]:
    """name=value; the value is read as JSON where it is JSON, as Python's True/False/None, else as text."""
    name, value = pair(text)
    if not name.isidentifier():
        raise UsageError(f"parameter {name!r} is not a Python name")
    words = {"True": True, "False": False, "None": None}
    if value in words:
        return name, words[value]
    try:
        return name, json.loads(value, parse_constant=lambda word: word)
    except ValueError:
        return name, value


def env_pair(text: str) -> tuple[str, str]:
    name, value = pair(text)
    if not _ENV_NAME.fullmatch(name):
        raise UsageError(f"{name!r} can't name an environment variable", "use letters, digits and '_'")
    if "\0" in value:
        raise UsageError(f"the value of {name} holds a NUL character")
    return name, value


def quantity(text: str) -> str:
    if not re.fullmatch(QUANTITY, text):
        raise UsageError(f"{text!r} is not a quantity", "write 2, 500m, 4Gi or 512Mi")
    return text


def secret(text: str) -> str:
    if not _SECRET.fullmatch(text):
        raise UsageError(f"{text!r} can't name a secret", "give the secret's name, never its value")
    return text


def count(text: str) -> int:
    if not re.fullmatch(r"\d{1,6}", text):
        raise UsageError(f"{text!r} is not a number of 0 or more")
    return int(text)


def seconds(text: str) -> float:
    """'90', '90s', '10m' or '2h' as seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if not found:
        raise UsageError(f"{text!r} is not a duration", "write 90s, 10m or 2h")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


@dataclass(frozen=True)
class NotebookOptions:
    notebook: str = opt("the notebook, a path (default: the one that runs this kernel)", nargs="?", metavar="NB")
    python: str = opt("the interpreter whose environment is taken", "--python", metavar="PATH")
    kernel: str = opt("the kernelspec whose interpreter is taken", "--kernel", metavar="NAME")


@dataclass(frozen=True)
class TargetOptions:
    target: str = opt("where it runs: a target of the settings (default: their `target`, else local)", "--target",
                      metavar="NAME")
    namespace: str = opt("Kubernetes namespace", "--namespace", "-n", metavar="NAME")


@dataclass(frozen=True)
class ImageOptions:
    base: str = opt("what the image stands on: auto, host, pod, framework or an image", "--base", metavar="BASE")
    platform: str = opt("platform of the image, as linux/amd64", "--platform", metavar="OS/ARCH")
    image: str = opt("repository[:tag] to push to; with @digest: run this image, build nothing", "--image",
                     metavar="REF")
    include: tuple[str, ...] = opt(
        "also take this installed distribution", "--include", default=(), action="append", metavar="DIST"
    )


@dataclass(frozen=True)
class RunOptions:
    name: str = opt("the run's name", "--name", metavar="NAME")
    cpu: str = opt("processors, as 2 or 500m", "--cpu", type=quantity, metavar="N")
    memory: str = opt("memory, as 4Gi", "--memory", type=quantity, metavar="SIZE")
    gpu: int = opt("GPUs", "--gpu", default=0, type=count, metavar="N")
    env: tuple[tuple[str, str], ...] = opt(
        "environment variable", "--env", "-e", default=(), action="append", type=env_pair, metavar="K=V"
    )
    secret: tuple[str, ...] = opt(
        "secret whose keys become environment variables", "--secret", default=(), action="append", type=secret,
        metavar="NAME",
    )
    start_timeout: float = opt(
        "give up when it can't start within this time (default 10m)", "--start-timeout", default=0.0, type=seconds,
        metavar="TIME",
    )
    follow: bool = opt("stay attached and show the log; interrupt to detach", "--follow", "-f", default=False,
                       action="store_true")
    wait: bool = opt("stay attached until it has ended or is ready, without the log", "--wait", default=False,
                     action="store_true")


@dataclass(frozen=True)
class BuildOptions(ImageOptions, TargetOptions, NotebookOptions):
    push: bool = opt("push to the target's registry", "--push", default=False, action="store_true")
    output: str = opt("write it to oci:DIR, oci-archive:FILE or the local engine (docker)", "--output", "-o",
                      metavar="KIND:PLACE")
    dry_run: bool = opt("print the plan, build nothing", "--dry-run", default=False, action="store_true")


@dataclass(frozen=True)
class CheckOptions(ImageOptions, TargetOptions, NotebookOptions):
    """What `check` asks: a build's options, but for what becomes of the image."""


@dataclass(frozen=True)
class TrainOptions(RunOptions, ImageOptions, TargetOptions, NotebookOptions):
    parameters: tuple[tuple[str, Any], ...] = opt(
        "value for a name of the cell tagged 'parameters'", "-p", "--parameter", default=(), action="append",
        type=parameter, metavar="NAME=VALUE",
    )
    keep_outputs: bool = opt("run it as a notebook and keep the executed copy and an HTML report in /outputs",
                             "--keep-outputs", default=False, action="store_true")


@dataclass(frozen=True)
class ServeOptions(RunOptions, ImageOptions, TargetOptions, NotebookOptions):
    callable: str = ""  # NB:CALLABLE in the CLI, the argument in the magic
    replicas: int = opt("replicas (default: as many as run now, else 1)", "--replicas", default=-1, type=count,
                        metavar="N")
    timeout: float = opt("give up when the notebook takes longer than this to define the callable (default 10m)",
                         "--timeout", default=600.0, type=seconds, metavar="TIME")


@dataclass(frozen=True)
class ManifestOptions(TrainOptions):
    kind: str = opt("training or inference", "--kind", default="training", choices=("training", "inference"))
    callable: str = opt("the callable that an inference service answers with", "--callable", metavar="NAME")
    replicas: int = opt("replicas of an inference service", "--replicas", default=-1, type=count, metavar="N")
    timeout: float = 600.0


@dataclass(frozen=True)
class NamedOptions(TargetOptions):
    name: str = opt("a run's name, or 'training' / 'inference' for this notebook's newest", metavar="NAME")
    notebook: str = opt("the notebook that 'training' and 'inference' speak of", "--notebook", metavar="NB")


@dataclass(frozen=True)
class ScaleOptions(NamedOptions):
    replicas: int = opt("how many, 0 or more", default=-1, type=count, metavar="N")
    wait: bool = opt("stay until they are ready", "--wait", default=False, action="store_true")
    timeout: float = opt("how long --wait waits (default 10m)", "--timeout", default=600.0, type=seconds,
                         metavar="TIME")


@dataclass(frozen=True)
class StatusOptions(NamedOptions):
    name: str = opt("a run's name, or 'training' / 'inference' (default: this notebook's newest)", nargs="?",
                    metavar="NAME")


@dataclass(frozen=True)
class LogsOptions(NamedOptions):
    name: str = opt("a run's name, or 'training' / 'inference' (default: this notebook's newest)", nargs="?",
                    metavar="NAME")
    follow: bool = opt("go on until it ends; interrupt to detach", "--follow", "-f", default=False,
                       action="store_true")
    tail: int = opt("only the newest lines of each pod", "--tail", default=-1, type=count, metavar="N")
    pod: str = opt("only this pod", "--pod", metavar="POD")
    previous: bool = opt("what was printed before the last restart", "--previous", default=False, action="store_true")


@dataclass(frozen=True)
class StopOptions(NamedOptions):
    pass


@dataclass(frozen=True)
class ForwardOptions(NamedOptions):
    port: int = opt("port on this machine (default: a free one)", "--port", default=0, type=count, metavar="PORT")


@dataclass(frozen=True)
class RunsOptions(TargetOptions):
    notebook: str = opt("only this notebook's", "--notebook", metavar="NB")
    kind: str = opt("only training or inference", "--kind", choices=("", "training", "inference"), metavar="KIND")


@dataclass(frozen=True)
class ConfigOptions:
    notebook: str = opt("the notebook whose settings are shown", nargs="?", metavar="NB")


VERBS: Mapping[str, tuple[type[Any], str]] = {
    "build": (BuildOptions, "Make an image of a notebook and what it needs."),
    "check": (CheckOptions, "Tell what a build would take, and what would fail, without building."),
    "train": (TrainOptions, "Run a notebook as a training job."),
    "serve": (ServeOptions, "Serve a function of a notebook as an HTTP service."),
    "scale": (ScaleOptions, "Change the number of replicas of a service."),
    "status": (StatusOptions, "Show how a run is doing, and why it waits or failed."),
    "logs": (LogsOptions, "Show what a run's pods print."),
    "forward": (ForwardOptions, "Hold a port of this machine that leads to a service."),
    "stop": (StopOptions, "End a run and remove all that belongs to it."),
    "runs": (RunsOptions, "List runs."),
    "manifest": (ManifestOptions, "Print the exact Kubernetes objects as YAML."),
    "config": (ConfigOptions, "Show each setting and where its value comes from."),
}

T = TypeVar("T")


class Parser(argparse.ArgumentParser):
    """argparse that raises UsageError where it would exit, and takes no abbreviations."""

    def __init__(self, **words: Any) -> None:
        super().__init__(allow_abbrev=False, **words)

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"see: {self.prog} --help" if not self.prog.startswith("%") else f"see: {self.prog}?")


def add_options(parser: argparse.ArgumentParser, options: type[Any], *, magic: bool = False) -> None:
    """Give `parser` the options of the type `options`. In a magic the notebook is an option, not a positional."""
    for each in fields(options):
        if not each.metadata:
            continue
        words = {"help": each.metadata["help"], "dest": each.name, **each.metadata["argparse"]}
        flags = each.metadata["flags"]
        if magic and each.name == "notebook" and not flags:
            flags, words = ("--notebook",), {k: v for k, v in words.items() if k != "nargs"}
        words["default"] = argparse.SUPPRESS  # the type's own default holds, unconverted
        if not flags:
            del words["dest"]
            flags = (each.name,)
        parser.add_argument(*flags, **words)


def from_namespace(options: type[T], found: argparse.Namespace) -> T:
    """The options of type `options` that `found` holds."""
    values: dict[str, Any] = {}
    for each in fields(options):  # type: ignore[arg-type]
        if hasattr(found, each.name):
            value = getattr(found, each.name)
            appended = each.metadata.get("argparse", {}).get("action") == "append"
            values[each.name] = tuple(value or ()) if appended else value
    return options(**values)


def parse_magic(verb: str, magic: str, words: Sequence[str]) -> Any:
    """The options of a magic's line, already split into words."""
    found = magic_parser(verb, magic).parse_args(list(words))
    return from_namespace(VERBS[verb][0], found)


def magic_parser(verb: str, magic: str) -> Parser:
    options, about = VERBS[verb]
    parser = Parser(prog=f"%{magic}", description=about, add_help=False)
    if verb == "serve":
        parser.add_argument("callable", help="the function to serve", metavar="CALLABLE", nargs="?", default="")
    if magic == "containerize":
        parser.add_argument("--check", action="store_true", help="only tell what it would be, and what would fail")
    add_options(parser, options, magic=True)
    return parser
