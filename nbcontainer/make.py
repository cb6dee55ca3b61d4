"""From a notebook to an image where the pods can get it: the steps that build, train, serve and manifest share.

What this is: the order of the steps up to a delivered image. What it is not: the steps themselves, or runs (api.py).
In the flow: .ipynb -> Notebook -> Environment -> ImagePlan -> Image -> registry or engine.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from nbcontainer import bundle, config, last, locate, names, script
from nbcontainer import notebook as notebooks
from nbcontainer.builders import native
from nbcontainer.environment import capture, host, interpreter
from nbcontainer.errors import BaseError, ConfigError, NbcontainerError, UsageError
from nbcontainer.image import base as bases
from nbcontainer.image import plan as plans
from nbcontainer.image import push as pushes
from nbcontainer.image import reference as references
from nbcontainer.image.store import Store
from nbcontainer.model import (
    Base,
    BuiltImage,
    Environment,
    Identity,
    Image,
    ImagePlan,
    Interpreter,
    Notebook,
    Overlay,
    Progress,
    Script,
    State,
    Target,
)
from nbcontainer.options import ImageOptions, NotebookOptions, TargetOptions
from nbcontainer.orchestrators import Orchestrator
from nbcontainer.session import Session


@dataclass(frozen=True)
class Source:
    """A notebook, read and converted, with the settings that hold for it."""

    notebook: Notebook
    script: Script
    identity: Identity
    interpreter: Interpreter
    settings: config.Settings
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Made:
    """What a build gave: the bytes, and the Image that tells of them (without a reference yet)."""

    built: BuiltImage
    image: Image
    overlay: Overlay


def source(options: NotebookOptions, session: Session) -> Source:
    """Find, read and convert the notebook; choose its interpreter.

    Raises NotebookError or RequirementError before any work is done.
    """
    path = locate.locate(options.notebook, shell=session.shell)
    found = notebooks.read(path)
    notes = locate.check_saved(found, session.shell) if live(options, session) else ()
    converted = script.convert(found)
    python = python_of(found, options, session)
    session.emit(Progress("notebook", f"{path} with {python.executable} ({python.chosen_by})"))
    settings = config.load(path.parent)
    return Source(found, converted, names.identity(path), python, settings, (*notes, *converted.notes))


def live(options: NotebookOptions, session: Session) -> bool:
    """Whether the notebook is the one that runs in this very process."""
    return session.shell is not None and not (options.python or options.kernel or options.notebook)


def python_of(found: Notebook, options: NotebookOptions, session: Session) -> Interpreter:
    if live(options, session):
        return interpreter.live()
    return interpreter.choose(found, python=options.python, kernel=options.kernel)


def target(options: TargetOptions, settings: config.Settings) -> Target:
    return settings.target(options.target, namespace=options.namespace)


def environment(
    src: Source, options: ImageOptions, session: Session, state: State | None, store: Store,
    told: list[NbcontainerError] | None = None,
) -> Environment:
    """What the notebook needs. What is missing goes into `told` where there is such a list, else is raised."""
    check_platform(options, src.interpreter)
    session.emit(Progress("environment", "looking at the environment"))
    extra = [(name, f"--include {name}") for name in options.include]
    if getattr(options, "keep_outputs", False):
        extra += [(name, "--keep-outputs") for name in ("nbclient", "nbconvert", "ipykernel")]
    return capture.capture(
        src.notebook,
        src.script,
        src.interpreter,
        modules=state.modules if state else (),
        extra=extra,
        max_file=src.settings["max_file"],
        cache_dir=store.cache_dir("environment"),
        told=told,
    )


def check_platform(options: ImageOptions, python: Interpreter) -> None:
    if options.platform and options.platform != python.platform:
        raise UsageError(
            f"--platform {options.platform}: the environment captured here is {python.platform}",
            "another platform needs its wheels resolved, which this version can't do",
        )


def base(src: Source, options: ImageOptions, env: Environment, where: Target, session: Session, store: Store) -> Base:
    """The base that `options` or the settings name; 'auto' is the machine itself."""
    asked = options.base or src.settings["base"] or "auto"
    if asked == "framework":
        raise BaseError("--base framework: no framework bases in this version", "use --base host or --base IMAGE")
    if asked in ("auto", "host"):
        cache = store.cache_dir("host")
        return host.host_base(env, cache_dir=cache, ca_bundle=src.settings["ca_bundle"], emit=session.emit)
    if asked == "pod":
        from nbcontainer.orchestrators.kubernetes.pod import image_of_this_pod

        asked = image_of_this_pod(where)
    found = bases.resolve(
        asked,
        platform=src.interpreter.platform,
        python_minor=src.interpreter.minor,
        ca=where.ca,
        plain_http=where.plain_http,
        cache_dir=store.cache_dir("base"),
        emit=session.emit,
    )
    bases.check(found, src.interpreter.minor, host.glibc_needs(env, cache_dir=store.cache_dir("host")))
    return found


def plan(
    src: Source, options: ImageOptions, where: Target, session: Session, store: Store, state: State | None = None
) -> tuple[ImagePlan, Environment, Overlay]:
    if options.image:
        references.parse(options.image)  # a name that can't be is told before work
    env = environment(src, options, session, state, store)
    made, overlay = planned(src, env, base(src, options, env, where, session, store), state)
    return made, env, overlay


def planned(src: Source, env: Environment, standing: Base, state: State | None = None) -> tuple[ImagePlan, Overlay]:
    """The plan of `env` on the base `standing`; pure but for reading the notebook."""
    from nbcontainer import frameworks

    overlay = frameworks.detect(env.distributions)
    made = plans.image_plan(
        environment=env,
        base=standing,
        overlay=overlay,
        notebook=bundle.notebook_entries(src.notebook, src.script),
        runtime=bundle.runtime_entries(),
        state=bundle.state_entries(state) if state else (),
        labels={"io.nbcontainer.notebook": src.notebook.path.name, **overlay.labels},
    )
    return made, overlay


def build(
    src: Source, options: ImageOptions, where: Target, session: Session, state: State | None = None
) -> Made:
    """Plan and pack; every layer ends in the store, nothing leaves the machine."""
    began = time.perf_counter()
    store = Store()
    image_plan, env, overlay = plan(src, options, where, session, store, state)
    built = native.build(image_plan, store, session.emit)
    last.remember(store, src.identity, last.of(image_plan, built.digest, env.distributions, env.files))
    notes = (*src.notes, *env.notes, *(state.notes if state else ()))
    image = Image(
        reference="",
        digest=built.digest,
        size=built.size,
        layers=built.layers,
        framework=overlay.framework,
        python=src.interpreter.version,
        interpreter=src.interpreter.executable,
        platform=src.interpreter.platform,
        distributions=env.distributions,
        warnings=notes,
        seconds=time.perf_counter() - began,
        notebook=str(src.notebook.path),
        base=image_plan.base.name,
        files=env.files,
    )
    return Made(built, image, overlay)


def destination(options: ImageOptions, where: Target, identity: Identity, digest: str) -> references.Reference:
    """Where the image is pushed: --image, else <registry>/<slug>, tagged with the first 12 of its digest."""
    short = digest.removeprefix("sha256:")[:12]
    if options.image:
        named = references.parse(options.image)
        return named if named.tag else named.with_tag(short)
    if not where.registry:
        raise ConfigError(
            f"target '{where.name}' has no registry to push to",
            f"set registry in {config.user_file()} or NBCONTAINER_REGISTRY, or name the image with --image",
        )
    return references.parse(f"{where.registry.rstrip('/')}/{identity.slug}:{short}")


def push(made: Made, options: ImageOptions, where: Target, identity: Identity, session: Session) -> Image:
    """Push to the target's registry; gives the Image with its reference."""
    began = time.perf_counter()
    to = destination(options, where, identity, made.built.digest)
    pushed = pushes.push(
        made.built, to, tags=[to.tag], ca=where.ca, plain_http=where.plain_http, emit=session.emit
    )
    last.named(Store(), identity, made.built.digest, pushed)
    return replace(made.image, reference=pushed, seconds=made.image.seconds + time.perf_counter() - began)


def pull_reference(pushed: str, where: Target) -> str:
    """What a pod writes: by digest, and by the name that the registry has inside the cluster."""
    found = references.parse(pushed)
    place = f"{found.registry}/{found.repository}"
    if where.pull_registry and where.registry:
        inside, outside = where.pull_registry.rstrip("/"), where.registry.rstrip("/")
        if place == outside or place.startswith(outside + "/"):
            place = inside + place[len(outside) :]
    return f"{place}@{found.digest}"


def deliver(
    made: Made, options: ImageOptions, where: Target, runner: Orchestrator, identity: Identity, session: Session
) -> Image:
    """Bring the image to where the pods run: the target's registry, or the local engine."""
    if runner.needs == "registry":
        return push(made, options, where, identity, session)
    began = time.perf_counter()
    name = options.image or f"nbcontainer/{identity.slug}"
    reference = runner.load(made.built, name, session.emit)
    last.named(Store(), identity, made.built.digest, reference)
    return replace(made.image, reference=reference, seconds=made.image.seconds + time.perf_counter() - began)


def output(made: Made, place: str, options: ImageOptions, identity: Identity, where: Target, session: Session) -> str:
    """Write the image to `oci:DIR`, `oci-archive:FILE` or the engine (`docker`); gives where it is."""
    from nbcontainer.image import layout

    kind, _, path = place.partition(":")
    tag = references.parse(options.image).tag if options.image else ""
    tag = tag or made.built.digest.removeprefix("sha256:")[:12]
    fetch = pushes.fetcher(ca=where.ca, plain_http=where.plain_http)
    if kind == "docker" and not path:
        from nbcontainer.orchestrators import orchestrator

        engine = orchestrator(Target(name="local", orchestrator="local", engine=where.engine))
        return engine.load(made.built, options.image or f"nbcontainer/{identity.slug}", session.emit)
    if kind not in ("oci", "oci-archive") or not path:
        raise UsageError(f"--output {place!r}", "write oci:DIR, oci-archive:FILE or docker")
    write = layout.write_oci if kind == "oci" else layout.write_oci_archive
    write(made.built, Path(path), tag, fetch=fetch)
    return f"{kind}:{path}:{tag}"
