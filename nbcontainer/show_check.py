"""Text and HTML forms of an inspection.

What this is: pure functions from an Inspection to what a person reads; all HTML is escaped here. What it is not: the
look itself (inspection.py), or the forms of images and runs (show.py).
In the flow: after `check`; command line and magic share these.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from nbcontainer.show import aligned, size

if TYPE_CHECKING:
    from nbcontainer.inspection import Inspection
    from nbcontainer.last import Since

_FILES = 20


def inspection_text(found: Inspection) -> str:
    lines = [_first(found)]
    lines += [f"  {line}" for line in _facts(found)]
    rows = [[d.name, d.version, size(d.size), "; ".join(d.why)] for d in found.distributions]
    lines += ["  " + "  ".join(row) for row in aligned(rows)]
    lines += [f"  file {each.path} ({size(each.size)}): {each.why}" for each in found.files[:_FILES]]
    lines += [f"  and {len(found.files) - _FILES} more files"] * (len(found.files) > _FILES)
    lines += [f"  warning: {_with(each.message, each.remedy)}" for each in found.warnings]
    lines.append(f"  error: {_problem(found)}" if found.error else "  nothing stands in the way of a build")
    return "\n".join(lines)


def inspection_html(found: Inspection) -> str:
    rows = "".join(
        f"<tr><td>{escape(d.name)}</td><td>{escape(d.version)}</td><td>{size(d.size)}</td>"
        f"<td>{escape('; '.join(d.why))}</td></tr>"
        for d in found.distributions
    )
    files = "".join(
        f"<tr><td>{escape(f.path)}</td><td>{size(f.size)}</td><td>{escape(f.why)}</td></tr>" for f in found.files
    )
    warnings = "".join(f"<li>{escape(_with(each.message, each.remedy))}</li>" for each in found.warnings)
    end = f"<b>error:</b> {escape(_problem(found))}" if found.error else "nothing stands in the way of a build"
    return (
        f"<div><p>{escape(_first(found))}<br>{'<br>'.join(escape(line) for line in _facts(found))}</p>"
        + (f"<ul>{warnings}</ul>" if warnings else "")
        + f"<p>{end}</p>"
        + _table(f"{len(found.distributions)} distributions", ("name", "version", "size", "why"), rows)
        + (_table(f"{len(found.files)} files", ("path", "size", "why"), files) if files else "")
        + "</div>"
    )


def _table(summary: str, heads: Sequence[str], rows: str) -> str:
    return (
        f"<details><summary>{summary}</summary><table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>"
        f"{rows}</table></details>"
    )


def _first(found: Inspection) -> str:
    python = found.interpreter
    return f"{found.notebook}" + (f" with {python.executable} ({python.chosen_by})" if python else "")


def _facts(found: Inspection) -> list[str]:
    """One line each: what it stands on, its size, what may be given, what is new."""
    python, facts = found.interpreter, []
    known = [found.overlay.framework, f"Python {python.version}" if python else "", f"base {found.base}"]
    facts.append(", ".join([*filter(None, known), f"target {found.target.name or 'unknown'}"]))
    if found.layers:
        packed = [each for each in found.layers if not each.kept]
        facts.append(f"about {size(found.estimated)} in {len(found.layers)} layers, {len(packed)} to pack")
    if found.parameters:
        facts.append("parameters: " + ", ".join(f"{p.name}={json.dumps(p.default)}" for p in found.parameters))
    if found.functions:
        facts.append("functions: " + ", ".join(f"{f.name}({', '.join(f.parameters)})" for f in found.functions))
    return [*facts, since(found.since)] if found.since else facts


def since(last: Since) -> str:
    """'since digits:5db6… of 2026-11-25T01:10:00Z: code changed, + scipy, numpy 2.1 -> 2.2, 3 layers new'."""
    changes = ["code changed"] * last.code_changed
    changes += [f"+ {name}" for name in (*last.added, *last.files_added)]
    changes += [f"- {name}" for name in (*last.removed, *last.files_removed)]
    changes += [f"{name} {old} -> {new}" for name, old, new in last.changed]
    changes += [f"{last.layers_new} layer{'s'[: last.layers_new != 1]} new"] * bool(last.layers_new)
    image = last.record.reference.partition("@")[0] or last.record.digest[:19]
    return f"since {image} of {last.built}: {', '.join(changes) or 'nothing changed'}"


def _problem(found: Inspection) -> str:
    return _with(found.error.message, found.error.hint) if found.error else ""


def _with(message: str, remedy: str) -> str:
    return f"{message} — {remedy}" if remedy else message
