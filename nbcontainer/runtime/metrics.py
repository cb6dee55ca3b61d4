"""Prometheus metrics of a server, in the text format.

What this is: three counts and a histogram behind one lock. What it is not: a client library.
"""

from __future__ import annotations

import threading

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds
TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """What /metrics tells."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: dict[tuple[str, int], int] = {}
        self._buckets = [0] * len(BOUNDS)
        self._count, self._sum = 0, 0.0
        self.in_flight = self.queued = 0

    def change(self, *, in_flight: int = 0, queued: int = 0) -> None:
        with self._lock:
            self.in_flight += in_flight
            self.queued += queued

    def answered(self, path: str, code: int, seconds: float) -> None:
        """Count one answer; only predictions have a latency."""
        with self._lock:
            key = (path, code)
            self._requests[key] = self._requests.get(key, 0) + 1
            if path == "/predict":
                self._count += 1
                self._sum += seconds
                for index, bound in enumerate(BOUNDS):
                    self._buckets[index] += seconds <= bound

    def text(self) -> str:
        with self._lock:
            lines = _head("requests_total", "counter", "Answers by path and code.")
            for (path, code), count in sorted(self._requests.items()):
                lines.append(f'nbcontainer_requests_total{{path="{path}",code="{code}"}} {count}')
            lines += _head("request_duration_seconds", "histogram", "Time of predictions.")
            name = "nbcontainer_request_duration_seconds"
            for bound, count in zip(BOUNDS, self._buckets):  # noqa: B905 (3.8)
                lines.append(f'{name}_bucket{{le="{bound:g}"}} {count}')
            lines += [f'{name}_bucket{{le="+Inf"}} {self._count}', f"{name}_sum {self._sum:.6f}"]
            lines.append(f"{name}_count {self._count}")
            lines += _head("in_flight", "gauge", "Predictions that are being computed.")
            lines.append(f"nbcontainer_in_flight {self.in_flight}")
            lines += _head("queue", "gauge", "Predictions that wait for a free thread.")
            lines.append(f"nbcontainer_queue {self.queued}")
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, about: str) -> list[str]:
    return [f"# HELP nbcontainer_{name} {about}", f"# TYPE nbcontainer_{name} {kind}"]
