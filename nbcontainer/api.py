"""One function per verb: the only place that orders the steps.

What this is: what magics, CLI, server and `import nbcontainer` call, with the same options types. What it is not: it
neither prints nor exits; progress goes to the session's emit.
In the flow: options -> make.py (image) -> Workload -> orchestrator -> Run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbcontainer import config, names, show
from nbcontainer.errors import NbcontainerError, RunNotFound, Unsupported, UsageError
from nbcontainer.find import find
from nbcontainer.model import Image, Kind, Progress, Resources, State, Target, Workload
from nbcontainer.options import (
    BuildOptions,
    CheckOptions,
    ConfigOptions,
    ForwardOptions,
    LogsOptions,
    ManifestOptions,
    NamedOptions,
    RunsOptions,
    ScaleOptions,
    ServeOptions,
    StatusOptions,
    StopOptions,
    TargetOptions,
    TrainOptions,
)
from nbcontainer.orchestrators import Orchestrator, Selector, orchestrator
from nbcontainer.run import Run
from nbcontainer.session import Session

if TYPE_CHECKING:
    from nbcontainer.inspection import Inspection
    from nbcontainer.make import Source
    from nbcontainer.model import ImagePlan
    from nbcontainer.orchestrators import Forward


# ---------------------------------------------------------------- images
def build(options: BuildOptions, session: Session) -> Image | ImagePlan:
    """Make the image; push it with --push, write it with --output. With --dry-run gives the ImagePlan."""
    from nbcontainer import make
    from nbcontainer.image.store import Store

    if "@" in options.image:
        raise UsageError(f"--image {options.image}: a build makes its digest itself", "give repository[:tag]")
    src = make.source(options, session)
    where = make.target(options, src.settings)
    if options.push:
        make.destination(options, where, src.identity, "sha256:" + "0" * 64)  # a missing registry is told before work
    if options.dry_run:
        return make.plan(src, options, where, session, Store())[0]
    made = make.build(src, options, where, session)
    image = made.image
    if options.output:
        reference = make.output(made, options.output, options, src.identity, where, session)
        image = replace(image, reference=reference)
    if options.push:
        image = make.push(made, options, where, src.identity, session)
    return image


def check(options: CheckOptions, session: Session) -> Inspection:
    """What the notebook would become, and everything that would fail; nothing is built."""
    from nbcontainer import inspection

    return inspection.inspect(options, session)


def train(options: TrainOptions, session: Session) -> Run:
    """Build, deliver and submit a training run; returns when it is submitted."""
    from nbcontainer import make

    src = make.source(options, session)
    where = make.target(options, src.settings)
    runner = orchestrator(where)
    _check_parameters(dict(options.parameters), src)
    name = names.run_name(src.identity, "training", options.name)
    workload = replace(
        _workload("training", name, options, src, where),
        parameters=dict(options.parameters),
        keep_outputs=options.keep_outputs,
    )
    runner.check(workload)
    reference, framework = _delivered(src, options, where, runner, session, None)
    return _submit(replace(workload, image=reference, framework=framework), runner, session)


def serve(options: ServeOptions, session: Session) -> Run:
    """Build, deliver and submit an inference service, or update this notebook's."""
    from nbcontainer import make

    path, name_in_notebook = split_callable(options)
    options = replace(options, notebook=path, callable=name_in_notebook)
    src = make.source(options, session)
    where = make.target(options, src.settings)
    runner = orchestrator(where)
    name = names.run_name(src.identity, "inference", options.name)
    workload = _workload("inference", name, options, src, where)
    runner.check(workload)
    state = None if "@" in options.image else _state(options, src, session)
    reference, framework = _delivered(src, options, where, runner, session, state)
    replicas = _replicas(options.replicas, name, runner)
    return _submit(replace(workload, image=reference, framework=framework, replicas=replicas), runner, session)


def manifest(options: ManifestOptions, session: Session) -> list[dict[str, Any]]:
    """The exact objects that train or serve would create; the image is built, not pushed."""
    from nbcontainer import make
    from nbcontainer.image import reference as references

    path, name_in_notebook = split_callable(options)
    options = replace(options, notebook=path, callable=name_in_notebook)
    src = make.source(options, session)
    where = replace(make.target(options, src.settings), orchestrator="kubernetes")
    runner = orchestrator(where)
    kind: Kind = "training" if options.kind == "training" else "inference"
    name = names.run_name(src.identity, kind, options.name)
    if "@" in options.image:
        reference, framework = options.image, ""
    else:
        state = _state(options, src, session) if kind == "inference" else None
        made = make.build(src, options, where, session, state)
        session.made(made.image)
        to = make.destination(options, where, src.identity, made.built.digest)
        reference = make.pull_reference(str(references.parse(str(to)).at(made.built.digest)), where)
        framework = made.overlay.framework
    workload = replace(
        _workload(kind, name, options, src, where),
        image=reference,
        framework=framework,
        parameters=dict(options.parameters) if kind == "training" else {},
        keep_outputs=options.keep_outputs,
        replicas=max(options.replicas, 0) if options.replicas >= 0 else 1,
    )
    return runner.render(workload)


# ---------------------------------------------------------------- runs
def status(options: StatusOptions | LogsOptions | NamedOptions, session: Session) -> Run:
    runner, found = find(options, session)
    return Run(runner, found)


logs = status  # the log lines come from the handle: Run.logs()


def scale(options: ScaleOptions, session: Session) -> Run:
    if options.replicas < 0:
        raise UsageError("how many replicas?", "nbcontainer scale NAME N, with N of 0 or more")
    runner, found = find(options, session)
    return Run(runner, runner.scale(found.name, options.replicas))


def stop(options: StopOptions, session: Session) -> Run:
    runner, found = find(options, session)
    return Run(runner, runner.stop(found.name))


def forward(options: ForwardOptions, session: Session) -> tuple[Run, Forward]:
    """Hold a port of this machine; the caller closes it."""
    runner, found = find(options, session)
    if found.kind != "inference":
        raise Unsupported(f"{found.name} is a training run and has no port")
    if options.port > 65535:
        raise UsageError(f"--port {options.port}: ports end at 65535")
    held = runner.forward(found.name, options.port)
    return Run(runner, replace(found, local_url=held.url)), held


def runs(options: RunsOptions, session: Session) -> list[Run]:
    """All runs of the target, newest first, or one notebook's."""
    settings = config.load(Path(options.notebook).parent if options.notebook else None)
    runner = orchestrator(settings.target(options.target, namespace=options.namespace))
    identity = ""
    if options.notebook:
        from nbcontainer import locate

        identity = names.identity(locate.locate(options.notebook)).id
    return [Run(runner, each) for each in runner.find(Selector(kind=options.kind, notebook=identity))]


def settings(options: ConfigOptions, session: Session) -> config.Settings:
    return config.load(Path(options.notebook).resolve().parent if options.notebook else None)


# ---------------------------------------------------------------- steps of the verbs above
def split_callable(options: ServeOptions | ManifestOptions) -> tuple[str, str]:
    """('nb.ipynb', 'predict') from 'nb.ipynb:predict', unless a file has that very name."""
    text = options.notebook
    path, colon, name = text.rpartition(":")
    if colon and path and not os.path.exists(text):
        return path, options.callable or name
    return text, options.callable


def _state(options: ServeOptions | ManifestOptions, src: Source, session: Session) -> State:
    from nbcontainer import state

    if not options.callable:
        raise UsageError("which function is to be served?", "serve NB:CALLABLE, or %serve CALLABLE in a cell")
    if not options.callable.isidentifier():
        raise UsageError(f"{options.callable!r} can't name a function")
    if session.shell is not None and not options.notebook:
        return state.from_namespace(options.callable, session.shell.user_ns, notebook=src.notebook)
    session.emit(Progress("notebook", f"running {src.notebook.path.name} once to define {options.callable}"))
    return state.from_script(
        src.notebook, src.script, options.callable, src.interpreter, timeout=options.timeout, emit=session.emit
    )


def _check_parameters(given: Mapping[str, Any], src: Source) -> None:
    known = src.script.parameters
    unknown = [name for name in given if name not in known]
    if unknown and known:
        raise UsageError(
            f"{src.notebook.path.name} has no parameter {unknown[0]!r}", f"its parameters: {', '.join(known)}"
        )
    if unknown:
        raise UsageError(
            f"{src.notebook.path.name} has no parameters", "tag the cell that sets their defaults with 'parameters'"
        )


def _delivered(
    src: Source, options: TrainOptions | ServeOptions, where: Target, runner: Orchestrator, session: Session,
    state: State | None,
) -> tuple[str, str]:
    """(the reference that pods write, the framework); --image REF@digest skips the build."""
    from nbcontainer import make

    if "@" in options.image:
        if runner.needs == "registry":
            return make.pull_reference(options.image, where), ""
        from nbcontainer.image import push as pushes

        held = pushes.fetch(options.image, ca=where.ca, plain_http=where.plain_http, platform=src.interpreter.platform)
        return runner.load(held, options.image.partition("@")[0], session.emit), ""
    if runner.needs == "registry":
        make.destination(options, where, src.identity, "sha256:" + "0" * 64)  # told before work
    made = make.build(src, options, where, session, state)
    image = make.deliver(made, options, where, runner, src.identity, session)
    for note in image.warnings:
        session.emit(Progress("note", note))
    session.emit(Progress("image", show.image_line(image)))
    session.made(image)
    reference = image.reference
    if runner.needs == "registry":
        reference = make.pull_reference(reference, where)
    return reference, made.overlay.framework


def _workload(
    kind: Kind, name: str, options: TrainOptions | ServeOptions, src: Source, where: Target
) -> Workload:
    """What is to run, but for its image."""
    return Workload(
        kind=kind,
        name=name,
        identity=src.identity,
        image="",
        args=("train",) if kind == "training" else ("serve",),
        resources=Resources(
            options.cpu or src.settings["cpu"], options.memory or src.settings["memory"], options.gpu
        ),
        env=dict(options.env),
        secrets=options.secret,
        pull_secrets=where.pull_secrets,
        start_timeout=options.start_timeout or src.settings["start_timeout"],
    )


def _replicas(asked: int, name: str, runner: Orchestrator) -> int:
    """`asked`, else as many as the service has now, else 1."""
    if asked >= 0:
        return asked
    try:
        return runner.status(name).replicas.wanted or 1
    except RunNotFound:
        return 1


def _submit(workload: Workload, runner: Orchestrator, session: Session) -> Run:
    session.emit(Progress("submit", f"submitting {workload.name}"))
    return Run(runner, runner.submit(workload, session.emit), workload.image)


__all__ = [
    "NbcontainerError", "TargetOptions", "build", "check", "forward", "logs", "manifest", "runs", "scale", "serve",
    "settings", "status", "stop", "train",
]
