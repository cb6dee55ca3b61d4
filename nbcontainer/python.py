"""The verbs as Python functions: keyword arguments are the options' names.

What this is: `import nbcontainer; nbcontainer.train("nb.ipynb", cpu="2", parameters={"seed": 1})`. What it is not:
another set of options. Inside a kernel the notebook may be left out, as in the magics.
In the flow: a door to the api.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from nbcontainer import api, options
from nbcontainer.given import options as of_values
from nbcontainer.model import Emit, Image, ImagePlan, Log, silent
from nbcontainer.run import Run
from nbcontainer.session import Session

if TYPE_CHECKING:
    from nbcontainer.inspection import Inspection
    from nbcontainer.orchestrators import Forward

T = TypeVar("T")


def build(notebook: str = "", *, emit: Emit = silent, **given: Any) -> Image | ImagePlan:
    """Make an image of a notebook and what it needs. Options: those of BuildOptions."""
    return api.build(_options(options.BuildOptions, given, notebook=notebook), _session(emit))


def check(notebook: str = "", *, emit: Emit = silent, **given: Any) -> Inspection:
    """What a notebook would become, and what would fail; nothing is built. Options: those of CheckOptions."""
    return api.check(_options(options.CheckOptions, given, notebook=notebook), _session(emit))


def train(notebook: str = "", *, emit: Emit = silent, **given: Any) -> Run:
    """Run a notebook as a training job. Options: those of TrainOptions. With wait=True returns at its end."""
    chosen = _options(options.TrainOptions, given, notebook=notebook)
    return _attached(api.train(chosen, _session(emit)), chosen, emit)


def serve(notebook: str = "", callable: str = "", *, emit: Emit = silent, **given: Any) -> Run:
    """Serve a function of a notebook. Options: those of ServeOptions. With wait=True returns when it is ready."""
    chosen = _options(options.ServeOptions, given, notebook=notebook, callable=callable)
    return _attached(api.serve(chosen, _session(emit)), chosen, emit)


def scale(name: str, replicas: int, *, emit: Emit = silent, **given: Any) -> Run:
    """Change the number of replicas of a service."""
    chosen = _options(options.ScaleOptions, given, name=name, replicas=replicas)
    run = api.scale(chosen, _session(emit))
    if chosen.wait:
        run.wait(emit, timeout=chosen.timeout)
    return run


def status(name: str = "", **given: Any) -> Run:
    """A run's handle with its status now."""
    return api.status(_options(options.StatusOptions, given, name=name), _session(silent))


def logs(
    name: str = "", *, follow: bool = False, tail: int = -1, pod: str = "", previous: bool = False, **given: Any
) -> Iterable[Log]:
    """What a run's pods printed, line by line."""
    chosen = _options(options.LogsOptions, given, name=name, follow=follow, tail=tail, pod=pod, previous=previous)
    return api.logs(chosen, _session(silent)).logs(follow=follow, tail=tail, pod=pod, previous=previous)


def forward(name: str = "inference", port: int = 0, **given: Any) -> Forward:
    """Hold a port of this machine that leads to a service; close() it."""
    return api.forward(_options(options.ForwardOptions, given, name=name, port=port), _session(silent))[1]


def stop(name: str, **given: Any) -> Run:
    """End a run and remove all that belongs to it."""
    return api.stop(_options(options.StopOptions, given, name=name), _session(silent))


def runs(**given: Any) -> list[Run]:
    """The runs of a target, newest first."""
    return api.runs(_options(options.RunsOptions, given), _session(silent))


def manifest(notebook: str = "", kind: str = "training", **given: Any) -> list[dict[str, Any]]:
    """The Kubernetes objects that train or serve would create."""
    return api.manifest(_options(options.ManifestOptions, given, notebook=notebook, kind=kind), _session(silent))


def _options(wanted: type[T], given: Mapping[str, Any], /, **named: Any) -> T:
    return of_values(wanted, {**named, **given})


def _session(emit: Emit) -> Session:
    """The session of this process: with the live shell when it runs in a kernel."""
    import sys

    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return Session(emit, shell if shell is not None and hasattr(shell, "kernel") else None)


def _attached(run: Run, chosen: Any, emit: Emit) -> Run:
    if chosen.follow:
        run.follow(emit)
    elif chosen.wait:
        run.wait(emit)
    return run
