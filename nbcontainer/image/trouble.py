"""What a registry's refusal or silence means, in one line with a hint.

What this is: from statuses, error codes and exceptions to RegistryError and AuthError. What it is not: any request.
In the flow: beside the registry client. Pure.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from typing import Any

from nbcontainer.errors import AuthError, NbcontainerError, RegistryError
from nbcontainer.image.http import OtherScheme, Response

_REGISTRY = "is that the address of a registry?"


def unreachable(place: str, action: str, error: BaseException) -> NbcontainerError:
    """The error for an exception that ended the last try. `place` is 'host/repository', `action` 'push to'."""
    host = place.partition("/")[0]
    if isinstance(error, NbcontainerError):
        return error
    if isinstance(error, OtherScheme):
        return _other_scheme(place, action, str(error))
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate(place, action, error)
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        return RegistryError(f"can't {action} {place}: TLS with {host} failed: {error.reason or error}")
    if isinstance(error, socket.gaierror):
        return RegistryError(f"can't {action} {place}: no such host {host}", "check the name, DNS and HTTPS_PROXY")
    if isinstance(error, ConnectionRefusedError):
        return RegistryError(
            f"can't {action} {place}: {host} refuses the connection", "is the registry running there, on that port?"
        )
    if isinstance(error, TimeoutError):
        return RegistryError(f"can't {action} {place}: {host} gave no answer in time", "check the network, try again")
    if type(error) is http.client.BadStatusLine:  # its child RemoteDisconnected is a broken connection
        return RegistryError(f"can't {action} {place}: what listens at {host} doesn't speak HTTP", _REGISTRY)
    if isinstance(error, (ConnectionError, http.client.HTTPException, ssl.SSLEOFError, EOFError)):
        return RegistryError(
            f"can't {action} {place}: {host} broke off the connection several times ({_words(error)})",
            "try again: what has arrived is kept, no tag was moved",
        )
    if isinstance(error, OSError) and "Tunnel connection failed" in str(error):
        return RegistryError(f"can't {action} {place}: the proxy refused: {error}", "check HTTPS_PROXY and NO_PROXY")
    return RegistryError(f"can't {action} {place}: {_words(error)}", "check the network and try again")


def _words(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text)


def _other_scheme(place: str, action: str, scheme: str) -> RegistryError:
    host = place.partition("/")[0]
    if scheme == "https":
        return RegistryError(
            f"can't {action} {place}: {host} speaks HTTPS, and was spoken to in plain HTTP",
            "remove plain_http from the target's settings",
        )
    return RegistryError(
        f"can't {action} {place}: {host} speaks plain HTTP, not TLS",
        "if the network may be trusted, set plain_http = true for the target in your own settings, or "
        "NBCONTAINER_PLAIN_HTTP=1",
    )


def _certificate(place: str, action: str, error: ssl.SSLCertVerificationError) -> RegistryError:
    host = place.partition("/")[0]
    why = error.verify_message or str(error)
    if "expired" in why or "not yet valid" in why or "mismatch" in why or "not valid for" in why:
        return RegistryError(f"can't {action} {place}: the certificate of {host}: {why}", "ask the registry's owner")
    return RegistryError(
        f"can't {action} {place}: the certificate of {host} is signed by an authority unknown here ({why})",
        "name the authority's PEM file: ca = FILE in the target's settings, or NBCONTAINER_CA",
    )


def refused(place: str, action: str, response: Response) -> RegistryError:
    """The error for a status that isn't a success. For 401 see auth.py, which knows what was tried."""
    host, _, repository = place.partition("/")
    codes, said = told(response)
    status, low = response.status, said.lower()
    kind = RegistryError
    full = status == 507 or any(word in low for word in ("no space left", "quota", "disk full", "exceed"))
    if status < 400 or (not codes and status in (404, 405, 501) and not _registry_said(response)):
        what, hint, said = "doesn't answer as a registry does", _REGISTRY, ""
    elif full and status in (400, 403, 413, 500, 507):
        what, hint = "has no room left for it", "free space there, or ask its owner for more"
    elif status == 403 or "DENIED" in codes:
        what, hint, kind = "denies it", f"may this login do that? docker login {host}", AuthError
    elif "NAME_INVALID" in codes:
        what, hint = "accepts no repository of that name", "choose another name"
    elif status == 404:
        what = "has no such image" if action == "pull" else f"knows no repository {repository}"
        hint = "check the name; some registries want the repository or project created first"
    elif status == 413 or "body too large" in low:
        what, hint = "takes no body of that size", "raise the limit of its proxy (nginx: client_max_body_size 0)"
    elif status in (405, 501) or "UNSUPPORTED" in codes:
        what, hint = "is read-only or a mirror", "push elsewhere"
    elif status == 429:
        what, hint = "limits the rate", "wait, then try again"
    else:
        what, hint = "answered with an error", "its log says more; try again" if status >= 500 else ""
    return kind(f"can't {action} {place}: {host} {what} ({status})" + (f": {said}" if said else ""), hint)


def _registry_said(response: Response) -> bool:
    """Whether the answer is one of a registry: HEAD has no body to tell, but the protocol's header may be there."""
    kind = response.headers.get("content-type", "")
    return "docker-distribution-api-version" in response.headers or not kind.startswith("text/html")


def told(response: Response) -> tuple[set[str], str]:
    """(error codes, message) of a registry's answer: its JSON errors, else a plain text of one short line."""
    if not response.body:
        return set(), ""
    try:
        found = json.loads(response.body)
    except ValueError:
        text = response.body[:300].decode("utf-8", "replace").strip()
        return set(), "" if text.startswith("<") else text
    errors = found.get("errors") if isinstance(found, dict) else None
    if not isinstance(errors, list):
        message = found.get("message") or found.get("details") if isinstance(found, dict) else ""
        return set(), str(message or "")[:300]
    codes = {str(each.get("code", "")) for each in errors if isinstance(each, dict)}
    said = [f"{each.get('message') or each.get('code')}{_detail(each.get('detail'))}" for each in errors
            if isinstance(each, dict)]
    return codes, "; ".join(said)[:600]


def _detail(detail: Any) -> str:
    """The part of an error's detail that says more than the message."""
    if not detail:
        return ""
    if isinstance(detail, dict) and isinstance(detail.get("Err"), (int, dict)):  # Go's *os.PathError
        detail = " ".join(str(detail[key]) for key in ("Op", "Path") if key in detail) + _errno(detail["Err"])
    text = detail if isinstance(detail, str) else json.dumps(detail)
    return f" ({text[:200]})"


def _errno(number: Any) -> str:
    import os

    return f": {os.strerror(number)}" if isinstance(number, int) else ""
