"""The served callable, called: arguments bound, a bound on how many run at once, async ones in one loop.

What this is: body -> (code, answer), without HTTP. What it is not: a lock: calls run side by side.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import threading
import traceback
from typing import Any

from . import arguments, describe, encode, failure
from .metrics import Metrics


class Service:
    """Answers predictions; at most `most` at once, the others wait."""

    def __init__(self, name: str, call: Any, most: int) -> None:
        self.name, self.call = name, call
        self.signature = arguments.Signature(name, call)
        self.metrics = Metrics()
        self._described = b""
        self._free = threading.BoundedSemaphore(most)
        self._loop = asyncio.new_event_loop()
        self._started = threading.Lock()
        self._thread: Any = None

    def described(self) -> bytes:
        """The OpenAPI document; a server may be asked for it often, and it never changes."""
        self._described = self._described or describe.dumps(self.signature, self.call)
        return self._described

    def predict(self, body: bytes) -> tuple[int, bytes]:
        """(HTTP code, JSON) for a request's body."""
        try:
            value = json.loads(body)
        except (ValueError, RecursionError) as error:
            said = "the body is empty" if not body.strip() else f"the body is not JSON: {error}"
            return 400, problem(said)
        try:
            positional, named = self.signature.bind(value)
        except arguments.Wrong as error:
            return 422, problem(str(error))
        self.metrics.change(queued=1)
        with self._free:
            self.metrics.change(queued=-1, in_flight=1)
            try:
                return 200, encode.dumps(self._called(positional, named))
            except BaseException as error:  # also SystemExit: no request ends the server
                sys.stderr.write("".join(traceback.format_exception(type(error), error, error.__traceback__)))
                return 500, problem(failure.summary(error))
            finally:
                self.metrics.change(in_flight=-1)

    def _called(self, positional: Any, named: Any) -> Any:
        answer = self.call(*positional, **named)
        if inspect.isawaitable(answer):
            return asyncio.run_coroutine_threadsafe(_awaited(answer), self._running()).result()
        return answer

    def _running(self) -> asyncio.AbstractEventLoop:
        """The loop of all async calls, so that what they share is bound to one loop."""
        with self._started:
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop.run_forever, name="async calls", daemon=True)
                self._thread.start()
        return self._loop


async def _awaited(answer: Any) -> Any:
    return await answer


def problem(said: str) -> bytes:
    return encode.dumps({"error": said})
