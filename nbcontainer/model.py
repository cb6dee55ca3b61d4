"""The nouns: plain frozen data that travels down the one way through.

What this is: Notebook, Environment, ImagePlan, BuiltImage, Image, Workload, RunStatus, Target and the Events.
What it is not: behaviour. No I/O here, nothing heavy imported; every other module may import this one.
In the flow: .ipynb -> Notebook -> Environment -> ImagePlan -> BuiltImage -> Workload -> manifests -> RunStatus.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Union

Kind = Literal["training", "inference"]
Phase = Literal["Pending", "Running", "Succeeded", "Failed", "Stopped"]

APP = "app"  # image paths carry no leading slash
ENV = "opt/nbcontainer/env"
RUNTIME = "opt/nbcontainer/runtime"
USER = 65532
SERVE_PORT = 8080


# ---------------------------------------------------------------- notebook
@dataclass(frozen=True)
class Cell:
    """One cell as saved. `number` is its 1-based place among all cells of the notebook, what messages call it."""

    number: int
    kind: str  # "code" | "markdown" | "raw"
    source: str
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Notebook:
    """The cells as saved, with what the metadata says of the kernel."""

    path: Path  # absolute
    cells: tuple[Cell, ...]
    kernel: str = ""  # kernelspec name, "" when the file names none
    language: str = "python"

    @property
    def code(self) -> tuple[Cell, ...]:
        return tuple(cell for cell in self.cells if cell.kind == "code")


@dataclass(frozen=True)
class Identity:
    """Who a notebook is, on every object of its runs: see names.py for how it is made."""

    id: str  # 8 hex digits of sha256(owner, path from the git root)
    slug: str  # DNS label made from the file's name
    path: str  # from the git root, else absolute
    owner: str


@dataclass(frozen=True)
class Script:
    """The notebook as one Python file, and what its conversion learned."""

    name: str  # file name in /app, "digits.py"
    text: str
    requirements: tuple[tuple[int, str], ...] = ()  # (cell number, requirement line of a %pip/!pip install)
    ipython: str = ""  # why IPython is needed ("cell 4 uses %%bash"), "" when it isn't
    parameters: Mapping[str, Any] = field(default_factory=dict)  # name -> literal default of the parameters cell
    notes: tuple[str, ...] = ()


# ---------------------------------------------------------------- environment
@dataclass(frozen=True)
class Interpreter:
    """The Python that runs the notebook, as its probe reports it."""

    executable: str  # absolute, as started (a venv's own path, not resolved)
    version: str  # "3.11.7"
    platform: str  # "linux/amd64"
    libc: str  # "glibc 2.36", "musl", ""
    prefix: str
    base_prefix: str
    base_executable: str
    stdlib: str
    platstdlib: str
    sys_path: tuple[str, ...]
    cache_tag: str  # "cpython-311"
    env: Mapping[str, str] = field(default_factory=dict)  # the kernelspec's
    chosen_by: str = ""  # "the live kernel", "kernelspec 'python3'", "--python"

    @property
    def minor(self) -> str:
        """"3.11"."""
        return ".".join(self.version.split(".")[:2])


@dataclass(frozen=True)
class Entry:
    """One thing in a layer. `path` is its place in the image: relative, '/'-separated, no '..', no leading slash.

    kind "file": `source` is the host path to read (str) or the content itself (bytes).
    kind "link": `source` is the symlink's target, as written. kind "dir": `source` is unused.
    """

    path: str
    kind: Literal["file", "dir", "link"] = "file"
    source: str | bytes = b""
    mode: int = 0o644


Entries = Callable[[], Iterable[Entry]]  # lazy: asked only when the store lacks the layer


@dataclass(frozen=True)
class Distribution:
    """An installed distribution with the reason it is there."""

    name: str
    version: str
    why: tuple[str, ...]  # ("cell 3 imports sklearn", "required by scikit-learn")
    key: str  # content key: sha256 hex over what its files would be in the image
    size: int  # bytes, uncompressed
    entries: Entries  # paths under ENV
    modified: tuple[str, ...] = ()  # files changed since install
    elf: tuple[str, ...] = ()  # host paths of its shared objects and programs


@dataclass(frozen=True)
class AppFile:
    """A file that goes to /app: a local module or a data file."""

    path: str  # relative to /app
    source: str  # host path
    size: int
    why: str
    module: bool = False


@dataclass(frozen=True)
class Environment:
    """What the notebook needs, each with its reason."""

    interpreter: Interpreter
    distributions: tuple[Distribution, ...]
    files: tuple[AppFile, ...] = ()
    notes: tuple[str, ...] = ()  # warnings a person should see


@dataclass(frozen=True)
class Overlay:
    """What a framework adds to the image."""

    framework: str
    evidence: str  # "cell 2 imports torch; torch 2.9.0 is installed"
    labels: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """A served callable by value: its pickle, its parameter names, the modules its pickle names."""

    pickle: bytes
    name: str
    parameters: tuple[str, ...]
    modules: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


# ---------------------------------------------------------------- image
@dataclass(frozen=True)
class LayerPlan:
    """A layer to be. `key` names its content: equal keys, equal bytes."""

    content: str  # what a person reads: "scikit-learn 1.9.1"
    key: str
    entries: Entries
    size: int = 0  # bytes, uncompressed, 0 = unknown


@dataclass(frozen=True)
class Layer:
    """A layer that exists: in the local store (`path`), in a registry (`origin`, "host/repo"), or both."""

    digest: str
    size: int  # compressed bytes
    diff_id: str
    content: str
    media_type: str = "application/vnd.oci.image.layer.v1.tar+gzip"
    path: Path | None = None
    origin: str = ""
    new: bool = False  # packed by this build


@dataclass(frozen=True)
class Base:
    """What the image stands on: layers to be packed (host) or layers of an image in a registry."""

    name: str  # "host" or "host/repo@sha256:..."
    python: str  # the interpreter's path in the image, "/usr/bin/python3.11"
    plans: tuple[LayerPlan, ...] = ()
    layers: tuple[Layer, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)  # the base image's own config, {} for host
    site_packages: str = ""  # set where the base's Python has a layout of its own
    version: str = ""  # of its Python, "3.11.7" or "3.11"; "" for host, whose Python is the environment's
    libc: str = ""  # "glibc 2.36", "musl", "" when not known
    platform: str = ""  # "linux/amd64"
    notes: tuple[str, ...] = ()  # what a person should know; a build tells it when it is found out


@dataclass(frozen=True)
class ImagePlan:
    """The layers to be, bottom to top, as data; the same input gives the same plan."""

    base: Base
    layers: tuple[LayerPlan, ...]
    platform: str
    env: Mapping[str, str]
    labels: Mapping[str, str]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    working_dir: str = "/work"
    user: str = str(USER)

    def as_json(self) -> dict[str, Any]:
        layers = [{"content": p.content, "key": p.key, "size": p.size} for p in (*self.base.plans, *self.layers)]
        return {
            "base": self.base.name,
            "platform": self.platform,
            "layers": layers,
            "env": dict(self.env),
            "labels": dict(self.labels),
            "entrypoint": list(self.entrypoint),
            "command": list(self.command),
            "working_dir": self.working_dir,
            "user": self.user,
        }


@dataclass(frozen=True)
class BuiltImage:
    """An image whose every byte is known: what registries, layouts and engines are given."""

    manifest: bytes
    config: bytes
    layers: tuple[Layer, ...]

    @property
    def digest(self) -> str:
        return "sha256:" + hashlib.sha256(self.manifest).hexdigest()

    @property
    def config_digest(self) -> str:
        return "sha256:" + hashlib.sha256(self.config).hexdigest()

    @property
    def size(self) -> int:
        """Compressed bytes of layers, config and manifest."""
        return sum(layer.size for layer in self.layers) + len(self.config) + len(self.manifest)


@dataclass(frozen=True)
class Image:
    """What build gives: a digest, and everything a person may ask about it."""

    reference: str  # what to run or pull: "host/repo:tag@sha256:...", "" when it was not pushed or named
    digest: str
    size: int
    layers: tuple[Layer, ...]
    framework: str
    python: str
    interpreter: str
    platform: str
    distributions: tuple[Distribution, ...]
    warnings: tuple[str, ...]
    seconds: float
    notebook: str = ""
    base: str = ""
    files: tuple[AppFile, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "reference": self.reference,
            "digest": self.digest,
            "size": self.size,
            "layers": [
                {"digest": x.digest, "size": x.size, "content": x.content, "new": x.new} for x in self.layers
            ],
            "framework": self.framework,
            "python": self.python,
            "interpreter": self.interpreter,
            "platform": self.platform,
            "distributions": [
                {"name": d.name, "version": d.version, "why": "; ".join(d.why)} for d in self.distributions
            ],
            "warnings": list(self.warnings),
            "seconds": round(self.seconds, 3),
        }


# ---------------------------------------------------------------- targets and runs
@dataclass(frozen=True)
class Target:
    """A named place to run: orchestrator + registry + defaults."""

    name: str
    orchestrator: str  # "local" | "kubernetes"
    registry: str = ""  # where we push, "host[:port][/prefix]"
    pull_registry: str = ""  # what the kubelet writes, default the same
    pull_secrets: tuple[str, ...] = ()
    ca: str = ""  # PEM file that the registry's certificate is checked with
    plain_http: bool = False
    context: str = ""  # kubeconfig context, "" = current
    kubeconfig: str = ""  # "" = KUBECONFIG, ~/.kube/config, else in-cluster
    namespace: str = ""  # "" = the context's
    engine: str = ""  # local: URL of a Docker API, "" = found


QUANTITY = r"\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?"  # those that a person would write


@dataclass(frozen=True)
class Resources:
    """Kubernetes quantities; requests and limits are the same. "" = the default or none."""

    cpu: str = ""
    memory: str = ""
    gpu: int = 0


@dataclass(frozen=True)
class Workload:
    """What to run."""

    kind: Kind
    name: str  # DNS label, final
    identity: Identity
    image: str  # as the pods write it, by digest
    args: tuple[str, ...]  # after the image's entrypoint: ("train",) or ("serve",)
    replicas: int = 1
    resources: Resources = Resources()
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()  # names; every key of each becomes an environment variable
    parameters: Mapping[str, Any] = field(default_factory=dict)  # JSON values
    pull_secrets: tuple[str, ...] = ()
    framework: str = ""
    start_timeout: float = 600.0  # seconds
    keep_outputs: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PodStatus:
    """One pod, container or replica."""

    name: str
    phase: str
    ready: bool = False
    restarts: int = 0
    created: datetime | None = None  # aware, UTC
    reason: str = ""
    image_id: str = ""  # digest that really runs
    exit_code: int | None = None
    last_log: str = ""  # newest line, "" when not known

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "phase": self.phase,
            "ready": self.ready,
            "restarts": self.restarts,
            "created": _time(self.created),
            "reason": self.reason,
            "image_id": self.image_id,
            "exit_code": self.exit_code,
            "last_log": self.last_log,
        }


@dataclass(frozen=True)
class Replicas:
    wanted: int = 0
    ready: int = 0
    updated: int = 0


@dataclass(frozen=True)
class RunStatus:
    """A run as its orchestrator reports it now; the same from every process."""

    name: str
    kind: Kind
    target: str
    namespace: str
    phase: Phase
    reason: str = ""  # one line: why it waits or failed
    image: str = ""
    replicas: Replicas = Replicas()
    workers: int = 1
    pods: tuple[PodStatus, ...] = ()
    url: str = ""
    local_url: str = ""
    exit_code: int | None = None
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    notebook: str = ""  # Identity.id
    notebook_path: str = ""
    owner: str = ""

    @property
    def ended(self) -> bool:
        return self.phase in ("Succeeded", "Failed", "Stopped")

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind,
            "target": self.target,
            "namespace": self.namespace,
            "phase": self.phase,
            "reason": self.reason,
            "image": self.image,
            "replicas": {
                "wanted": self.replicas.wanted,
                "ready": self.replicas.ready,
                "updated": self.replicas.updated,
            },
            "workers": self.workers,
            "pods": [pod.as_json() for pod in self.pods],
            "url": self.url,
            "local_url": self.local_url,
            "exit_code": self.exit_code,
            "created": _time(self.created),
            "started": _time(self.started),
            "finished": _time(self.finished),
        }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None


# ---------------------------------------------------------------- events
@dataclass(frozen=True)
class Progress:
    """A step's progress: `done` of `total` (0 = unknown) in `unit` ("B", "layers", "files", "")."""

    stage: str  # "notebook" | "environment" | "layers" | "push" | "load" | "submit" | "run"
    message: str
    done: int = 0
    total: int = 0
    unit: str = ""


@dataclass(frozen=True)
class Log:
    """One line of a pod, without its newline. `time` is the nanosecond stamp as sent, "" when there is none."""

    pod: str
    line: str
    time: str = ""


@dataclass(frozen=True)
class StateChanged:
    status: RunStatus


@dataclass(frozen=True)
class Finished:
    status: RunStatus


Event = Union[Progress, Log, StateChanged, Finished]
Emit = Callable[[Event], None]


def silent(event: Event) -> None:
    """An emit for callers that show no progress."""
