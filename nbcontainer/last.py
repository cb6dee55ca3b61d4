"""The last image of a notebook, in a few lines: what the next one is compared with.

What this is: one small JSON file per notebook in the cache, written at the end of every build, by whichever door. What
it is not: a history, or anything that a build needs: a record that can't be written or read is no record.
In the flow: beside it; make.py writes it, inspection.py compares.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from typing import Any

from nbcontainer.errors import NbcontainerError
from nbcontainer.image.store import Store
from nbcontainer.model import AppFile, Distribution, Identity, ImagePlan

_FORMAT = 1


@dataclass(frozen=True)
class Record:
    """What is remembered of an image."""

    digest: str
    reference: str  # "" until it was pushed or loaded
    built: float  # seconds since 1970
    distributions: dict[str, str]  # name -> version
    files: tuple[str, ...]
    code: tuple[str, ...]  # keys of the layers that hold cells, modules and files
    layers: tuple[str, ...]  # keys of all layers, digests of those of a base image


@dataclass(frozen=True)
class Since:
    """How a plan differs from the last image."""

    record: Record
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[tuple[str, str, str], ...]  # (name, old version, new version)
    files_added: tuple[str, ...]
    files_removed: tuple[str, ...]
    code_changed: bool
    layers_new: int

    @property
    def built(self) -> str:
        """ISO time, UTC."""
        moment = datetime.fromtimestamp(self.record.built, timezone.utc)
        return moment.isoformat(timespec="seconds").replace("+00:00", "Z")

    def as_json(self) -> dict[str, object]:
        return {
            "digest": self.record.digest,
            "reference": self.record.reference,
            "built": self.built,
            "distributions": {
                "added": list(self.added),
                "removed": list(self.removed),
                "changed": [list(each) for each in self.changed],
            },
            "files": {"added": list(self.files_added), "removed": list(self.files_removed)},
            "code_changed": self.code_changed,
            "layers_new": self.layers_new,
        }


def of(plan: ImagePlan, digest: str, distributions: Iterable[Distribution], files: Sequence[AppFile]) -> Record:
    """The record of the image that `plan` became."""
    return Record(
        digest=digest,
        reference="",
        built=time.time(),
        distributions={each.name: each.version for each in distributions},
        files=tuple(each.path for each in files),
        code=_code(plan),
        layers=tuple(_layers(plan)),
    )


def _code(plan: ImagePlan) -> tuple[str, ...]:
    contents = ("notebook", "local modules and files", "local module or file")  # as image/plan.py calls them
    return tuple(each.key for each in plan.layers if each.content.lstrip("0123456789 ") in contents)


def _layers(plan: ImagePlan) -> list[str]:
    return [each.digest for each in plan.base.layers] + [each.key for each in (*plan.base.plans, *plan.layers)]


# ---------------------------------------------------------------- on disk
def remember(store: Store, identity: Identity, record: Record) -> None:
    """Write the record; the same image built again keeps its reference. A failure is ignored."""
    known = read(store, identity)
    if known and known.digest == record.digest:
        record = replace(record, reference=known.reference)
    _write(store, identity, record)


def named(store: Store, identity: Identity, digest: str, reference: str) -> None:
    """Say where the image went, when it is still the last one."""
    known = read(store, identity)
    if known and known.digest == digest:
        _write(store, identity, replace(known, reference=reference))


def read(store: Store, identity: Identity) -> Record | None:
    try:
        with open(store.cache / "last" / f"{identity.id}.json", encoding="utf-8") as file:
            found: dict[str, Any] = json.load(file)
        if found.pop("format") != _FORMAT:
            return None
        values: dict[str, Any] = {k: tuple(each) if isinstance(each, list) else each for k, each in found.items()}
        return Record(**values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _write(store: Store, identity: Identity, record: Record) -> None:
    """Aside and renamed, so that it is whole for every reader; not synced: losing it costs nothing."""
    with contextlib.suppress(OSError, ValueError, NbcontainerError):
        place = store.cache_dir("last") / f"{identity.id}.json"
        aside = f"{place}.{os.getpid()}.{time.monotonic_ns():x}"
        try:
            with open(aside, "w", encoding="utf-8") as file:
                file.write(json.dumps({"format": _FORMAT, **asdict(record)}))
            os.replace(aside, place)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(aside)
            raise


# ---------------------------------------------------------------- the difference
def since(record: Record, plan: ImagePlan, distributions: Iterable[Distribution], files: Sequence[AppFile]) -> Since:
    """What the image of `plan` would have that the recorded one hasn't, and the other way round."""
    now = {each.name: each.version for each in distributions}
    before, paths = record.distributions, {each.path for each in files}
    held = set(record.layers)
    return Since(
        record=record,
        added=tuple(sorted(now.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - now.keys())),
        changed=tuple((name, before[name], now[name]) for name in sorted(now.keys() & before.keys())
                      if now[name] != before[name]),
        files_added=tuple(sorted(paths - set(record.files))),
        files_removed=tuple(sorted(set(record.files) - paths)),
        code_changed=_code(plan) != record.code,
        layers_new=sum(each not in held for each in _layers(plan)),
    )
