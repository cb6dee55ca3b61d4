"""A Jupyter server's REST API as a person's browser uses it: contents, sessions, and a kernel's channels."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import Any

import websocket


class Jupyter:
    """A running server at `url` (without a slash at its end)."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}{path}", json.dumps(body).encode() if body is not None else None, method=method,
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            data = answer.read()
        return json.loads(data) if data else None

    def ready(self, seconds: float) -> None:
        """Wait until it answers."""
        until = time.monotonic() + seconds
        while True:
            try:
                self.ask("GET", "/api/status")
                return
            except (OSError, urllib.error.URLError):
                if time.monotonic() > until:
                    raise
                time.sleep(0.3)

    def save(self, path: str, content: Any) -> None:
        """Write a notebook (a dict) or a text file."""
        kind = "notebook" if isinstance(content, dict) else "file"
        self.ask("PUT", f"/api/contents/{urllib.parse.quote(path)}",
                 {"type": kind, "format": "json" if kind == "notebook" else "text", "content": content})

    def session(self, path: str) -> str:
        """A kernel for the notebook at `path`; gives its id."""
        made = self.ask("POST", "/api/sessions",
                        {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}})
        return str(made["kernel"]["id"])

    def run(self, kernel: str, code: str, seconds: float) -> str:
        """All text that `code` shows. Raises AssertionError with the error's text."""
        address = f"{self.url.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels?token={self.token}"
        channel = websocket.create_connection(address, timeout=seconds)
        message = uuid.uuid4().hex
        header = {"msg_id": message, "username": "", "session": uuid.uuid4().hex, "msg_type": "execute_request",
                  "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {},
                   "allow_stdin": False, "stop_on_error": True}
        try:
            channel.send(json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content,
                                     "channel": "shell", "buffers": []}))
            return self._outputs(channel, message, seconds)
        finally:
            channel.close()

    def _outputs(self, channel: Any, message: str, seconds: float) -> str:
        shown, until = [], time.monotonic() + seconds
        while time.monotonic() < until:
            told = json.loads(channel.recv())
            if told["parent_header"].get("msg_id") != message:
                continue
            content = told["content"]
            if told["msg_type"] == "stream":
                shown.append(content["text"])
            elif told["msg_type"] in ("execute_result", "display_data", "update_display_data"):
                shown.append(content["data"].get("text/plain", ""))
            elif told["msg_type"] == "error":
                raise AssertionError("\n".join([*shown, *content["traceback"]]))
            elif told["msg_type"] == "status" and content["execution_state"] == "idle":
                return "\n".join(shown)
        raise AssertionError(f"no end after {seconds:g} s: {shown}")
