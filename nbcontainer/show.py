"""Text and HTML forms of what the verbs return.

What this is: pure functions from data to text that a person reads; all HTML is escaped here. What it is not: widgets.
In the flow: after it; CLI, magics and widgets share these so that they say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from html import escape

from nbcontainer.model import Image, PodStatus, RunStatus


def size(number: float) -> str:
    """Bytes as people write them: '812 B', '20.1 KB', '71.3 MB' (decimal units, as registries count)."""
    for unit in ("B", "KB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.2f} GB"


def age(moment: datetime | None, now: datetime | None = None) -> str:
    """'12s', '4m', '3h', '2d' since `moment`, '' for None."""
    if moment is None:
        return ""
    gone = max(0, int(((now or datetime.now(timezone.utc)) - moment).total_seconds()))
    for limit, unit, step in ((120, "s", 1), (7200, "m", 60), (172800, "h", 3600)):
        if gone < limit:
            return f"{gone // step}{unit}"
    return f"{gone // 86400}d"


def image_line(image: Image) -> str:
    """'r.example/digits:5db6…: 155 MB in 17 layers, 1 new (3.1 KB), 0.24 s'."""
    new = [layer for layer in image.layers if layer.new]
    return (
        f"{image.reference.partition('@')[0] or image.digest}: {size(image.size)} in {len(image.layers)} layers, "
        f"{len(new)} new ({size(sum(x.size for x in new))}), {image.seconds:.2f} s"
    )


def image_text(image: Image) -> str:
    lines = [
        image.reference or image.digest,
        "  " + image_line(image).partition(": ")[2],
        f"  {image.framework}, Python {image.python} of {image.interpreter}, base {image.base}",
        f"  {len(image.distributions)} distributions: " + _names(image),
    ]
    lines += [f"  file {each.path} ({size(each.size)}): {each.why}" for each in image.files[:20]]
    lines += [f"  note: {note}" for note in image.warnings]
    return "\n".join(lines)


def _names(image: Image) -> str:
    shown = [f"{each.name} {each.version}" for each in image.distributions[:12]]
    return ", ".join(shown) + (", …" if len(image.distributions) > 12 else "")


def image_html(image: Image) -> str:
    rows = "".join(
        f"<tr><td>{escape(d.name)}</td><td>{escape(d.version)}</td><td>{size(d.size)}</td>"
        f"<td>{escape('; '.join(d.why))}</td></tr>"
        for d in image.distributions
    )
    layers = "".join(
        f"<tr><td>{escape(x.content)}</td><td>{size(x.size)}</td><td>{'new' if x.new else 'kept'}</td>"
        f"<td><code>{escape(x.digest[7:19])}</code></td></tr>"
        for x in image.layers
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in image.warnings)
    return (
        f"<div><p><code>{escape(image.reference or image.digest)}</code><br>{size(image.size)} in "
        f"{len(image.layers)} layers, {sum(x.new for x in image.layers)} new, {image.seconds:.2f} s; "
        f"{escape(image.framework)}, Python {escape(image.python)}</p>"
        + (f"<ul>{notes}</ul>" if notes else "")
        + f"<details><summary>{len(image.distributions)} distributions</summary><table><tr><th>name</th>"
        f"<th>version</th><th>size</th><th>why</th></tr>{rows}</table></details>"
        f"<details><summary>{len(image.layers)} layers</summary><table><tr><th>content</th><th>size</th>"
        f"<th></th><th>digest</th></tr>{layers}</table></details></div>"
    )


def headline(status: RunStatus) -> str:
    """One line: 'inference digits-1a2b3c4d  Running  2/2 ready  since 14:03:12'."""
    parts = [f"{status.kind} {status.name}", status.phase]
    if status.kind == "inference" and status.phase != "Stopped":
        parts.append(f"{status.replicas.ready}/{status.replicas.wanted} ready")
    if status.exit_code is not None:
        parts.append(f"exit code {status.exit_code}")
    if status.created and status.ended and status.finished:
        parts.append(age(status.created, status.finished))
    elif status.created and not status.ended:
        parts.append(f"since {status.created.astimezone():%H:%M:%S}")  # stays true in a saved notebook
    return "  ".join(part for part in parts if part)


def reattach(status: RunStatus, command: str = "%status") -> str:
    """The command that shows this run again, from a cell by default; "" for a run that is no more."""
    if status.phase == "Stopped":
        return ""
    return f"{command} {status.name} --target {status.target}"  # true whatever the default target is


def run_text(status: RunStatus, command: str = "%status") -> str:
    lines = [headline(status)]
    if status.reason:
        lines.append(f"  {status.reason}")
    if status.image:
        lines.append(f"  image {status.image}")
    lines += [f"  {address}{where}" for address, where in addresses(status)]
    rows = [[*row[:3], f"{row[3]} restarts", *row[4:]] for row in (pod_row(pod, status) for pod in status.pods)]
    kept = [column for column in zip(*rows, strict=True) if any(column)]
    lines += ["  " + "  ".join(row).rstrip() for row in aligned(list(zip(*kept, strict=True)))]
    again = reattach(status, command)
    lines.append(f"  on {status.target}" + (f"/{status.namespace}" if status.namespace else "")
                 + (f"; again: {again}" if again else ""))
    return "\n".join(lines)


def addresses(status: RunStatus) -> list[tuple[str, str]]:
    """Where a service answers, each with from where that can be reached when it isn't this machine."""
    if status.phase == "Stopped":
        return []
    inside = [(status.url, " (in the cluster)")] if status.url and status.url != status.local_url else []
    return [(status.local_url, "")] * bool(status.local_url) + inside


def pod_row(pod: PodStatus, run: RunStatus) -> list[str]:
    """Name, phase, readiness, number of restarts, age, and why it waits or its last line."""
    over = pod.exit_code is not None or pod.phase in ("Completed", "Succeeded", "Failed", "Stopped")
    ready = "ready" if pod.ready else "" if over else "not ready"
    cells = [pod.name, pod.phase, ready, str(pod.restarts), age(pod.created, run.finished)]
    return [*cells, pod.reason or pod.last_log]


def run_html(status: RunStatus, *, with_pods: bool = True) -> str:
    pods = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in pod_row(pod, status)) + "</tr>" for pod in status.pods
    )
    table = (
        "<table><tr><th>pod</th><th>phase</th><th>ready</th><th>restarts</th><th>age</th><th>last line</th></tr>"
        f"{pods}</table>"
        if pods and with_pods
        else ""
    )
    again = reattach(status)
    return (
        f"<div><p><b>{escape(headline(status)).replace('  ', '&emsp;')}</b>"
        + (f"<br>{escape(status.reason)}" if status.reason else "")
        + (f"<br><code>{escape(status.image)}</code>" if status.image else "")
        + "".join(f"<br><code>{escape(address)}</code>{where}" for address, where in addresses(status))
        + f"</p>{table}"
        + (f"<p>again: <code>{escape(again)}</code></p>" if again else "")
        + "</div>"
    )


def runs_text(statuses: Sequence[RunStatus]) -> str:
    if not statuses:
        return "no runs"
    rows = [["NAME", "KIND", "PHASE", "READY", "AGE", "NOTEBOOK", "REASON"]]
    for each in statuses:
        rows.append([each.name, each.kind, each.phase, _of(each), age(each.created), each.notebook_path, each.reason])
    return "\n".join("  ".join(row).rstrip() for row in aligned(rows))


def runs_html(statuses: Sequence[RunStatus]) -> str:
    rows = "".join(
        f"<tr><td>{escape(x.name)}</td><td>{x.kind}</td><td>{x.phase}</td>"
        f"<td>{_of(x)}</td><td>{age(x.created)}</td>"
        f"<td>{escape(x.notebook_path)}</td><td>{escape(x.reason)}</td></tr>"
        for x in statuses
    )
    heads = "".join(f"<th>{h}</th>" for h in ("name", "kind", "phase", "ready", "age", "notebook", "reason"))
    return f"<table><tr>{heads}</tr>{rows}</table>" if rows else "<p>no runs</p>"


def _of(status: RunStatus) -> str:
    """'2/3', nothing for a training run."""
    return f"{status.replicas.ready}/{status.replicas.wanted}" if status.kind == "inference" else ""


def aligned(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    """The rows with every column but the last padded to its widest cell."""
    table = [list(row) for row in rows]
    if not table:
        return []
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return [[cell.ljust(widths[i]) if i < len(row) - 1 else cell for i, cell in enumerate(row)] for row in table]
