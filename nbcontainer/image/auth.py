"""A registry's challenge answered: Basic, or a token from the service that it names.

What this is: the Authorization header for a request, tokens kept until they run out. What it is not: where credentials
come from (credentials.py).
In the flow: between registry.py and http.py. Passwords travel over TLS, or over loopback, or where
NBCONTAINER_PLAIN_HTTP_LOGIN=1 allows it.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import threading
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nbcontainer.errors import AuthError
from nbcontainer.image import route, trouble
from nbcontainer.image.credentials import Credentials, Keychain
from nbcontainer.image.http import RETRIED, Client, Patience, Response, Stop

_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_MARGIN = 10.0  # seconds before a token's end in which it isn't used any more
_UNSAID = 60.0  # seconds that a token without expires_in is good for


@dataclass(frozen=True)
class _Token:
    header: str
    ends: float  # time.monotonic()


class Authorizer:
    """Headers for one registry host. Safe for threads; one token is fetched once."""

    def __init__(self, host: str, keychain: Keychain, client: Client) -> None:
        self._host, self._keychain, self._client = host, keychain, client
        self._name = route.origin(f"http://{host}").host
        self._lock = threading.Lock()
        self._challenge: tuple[str, Mapping[str, str]] | None = None
        self._tokens: dict[frozenset[str], _Token] = {}
        self._basic: dict[str, Credentials] = {}  # by repository: podman's file may tell them apart

    def header(self, scopes: Sequence[str], repository: str, stop: Stop) -> str:
        """The header to send at once, "" while no challenge is known."""
        if self._challenge is None:
            return ""
        with self._lock:
            return self._held(scopes, repository) or self._fetched(scopes, repository, stop)

    def answer(self, challenge: str, sent: str, scopes: Sequence[str], repository: str, url: str, stop: Stop) -> str:
        """The header for the second try, after a 401 to a request that had the header `sent`. Raises AuthError."""
        with self._lock:
            scheme, parameters = parse(challenge)
            further = [each for each in parameters.get("scope", "").split() if not _covered(each, scopes)]
            wanted = tuple(dict.fromkeys((*scopes, *further)))
            held = self._held(wanted, repository)
            known = held if sent != held else ""
            if known:
                return known  # another thread was here meanwhile
            if route.origin(url).scheme == "http":
                parameters = {**parameters, "plain": "1"}
            self._challenge = (scheme, parameters)
            self._tokens = {key: value for key, value in self._tokens.items() if value.header != sent}
            if scheme == "basic" and sent:
                raise self.refused(repository)
            return self._fetched(wanted, repository, stop)

    def refused(self, repository: str, response: Response | None = None) -> AuthError:
        """What a 401 that stays means: no login found, or one that is not accepted."""
        place = f"{self._host}/{repository}" if repository else self._host
        login = f"run: docker login {self._host} (or podman login {self._host})"
        said = trouble.told(response)[1] if response is not None else ""
        tail = f": {said}" if said else ""
        found = self._keychain.find(self._host, repository)
        if found is None:
            return AuthError(
                f"{place}: the registry asks for a login (401) and none was found in {self._keychain.tried()}{tail}",
                login,
            )
        self._keychain.forget(self._host)
        self._challenge, self._basic = None, {}  # the next push starts anew: a login may have been renewed
        return AuthError(f"{place}: the registry refuses the login from {found.source} (401){tail}", login)

    def _held(self, scopes: Sequence[str], repository: str) -> str:
        """A header at hand that covers `scopes`."""
        if self._challenge is None:
            return ""
        if self._challenge[0] == "basic":
            return self._basic[repository].basic if repository in self._basic else ""
        need, now = frozenset(scopes), time.monotonic()
        for held, token in self._tokens.items():
            if need <= held and token.ends > now:
                return token.header
        return ""

    def _fetched(self, scopes: Sequence[str], repository: str, stop: Stop) -> str:
        assert self._challenge is not None
        scheme, parameters = self._challenge
        found = self._keychain.find(self._host, repository)
        if scheme == "basic":
            if found is None:
                raise self.refused(repository)
            self._may_send(found, "http" if parameters.get("plain") else "https", self._name)
            self._basic[repository] = found
            return found.basic
        realm = parameters.get("realm", "")
        try:
            to = route.origin(realm)
        except ValueError:
            raise AuthError(f"{self._host} names no usable token service ({realm!r})") from None
        if found is not None:
            self._may_send(found, "http" if parameters.get("plain") else "https", self._name)
            self._may_send(found, to.scheme, to.host)
        token = self._exchange(realm, parameters.get("service", ""), scopes, found, repository, stop)
        self._tokens[frozenset(scopes)] = token
        return token.header

    def _may_send(self, found: Credentials, scheme: str, host: str) -> None:
        allowed = os.environ.get("NBCONTAINER_PLAIN_HTTP_LOGIN", "") in ("1", "true", "yes", "on")
        if scheme == "https" or route.is_loopback(host) or allowed:
            return
        raise AuthError(
            f"{self._host} asks for a login over plain HTTP; the one from {found.source} was not sent",
            "use TLS, or set NBCONTAINER_PLAIN_HTTP_LOGIN=1 if the network may be trusted with it",
        )

    def _exchange(
        self, realm: str, service: str, scopes: Sequence[str], found: Credentials | None, repository: str, stop: Stop
    ) -> _Token:
        """Ask the token service: POST with an identity token, GET otherwise (anonymous without a login)."""
        headers, body, url = {"Accept": "application/json"}, b"", realm
        if found is not None and found.identity_token:
            form = {"grant_type": "refresh_token", "service": service, "client_id": "nbcontainer",
                    "scope": " ".join(scopes), "refresh_token": found.identity_token}
            body = urllib.parse.urlencode(form).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        else:
            query = [("service", service)] * bool(service) + [("scope", each) for each in scopes]
            url += ("&" if "?" in realm else "?") + urllib.parse.urlencode(query)
            if found is not None:
                headers["Authorization"] = found.basic
        response = self._ask("POST" if body else "GET", url, headers, body, stop)
        if response.status in (400, 401, 403):
            raise self.refused(repository, response)
        if response.status != 200:
            raise trouble.refused(_authority(realm), "get a token from", response)
        return _token(response, self._host)

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes, stop: Stop) -> Response:
        patience = Patience(stop)
        while True:
            try:
                response = self._client.send(method, url, headers, body, stop=stop)
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, ConnectionError) and patience.again():
                    continue
                raise trouble.unreachable(_authority(url), "get a token from", error) from error
            if response.status not in RETRIED or not patience.again(response.headers.get("retry-after", "")):
                return response


def _covered(scope: str, by: Sequence[str]) -> bool:
    """Whether the scopes `by` hold every action of `scope`, "repository:NAME:pull,push"."""
    name, _, actions = scope.rpartition(":")
    held = (each.rpartition(":") for each in by)
    return any(has == name and set(actions.split(",")) <= set(may.split(",")) for has, _, may in held)


def _authority(url: str) -> str:
    return route.origin(url).authority


def _token(response: Response, host: str) -> _Token:
    try:
        found = json.loads(response.body)
        text = found.get("token") or found["access_token"]
        seconds = float(found.get("expires_in") or _UNSAID)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise AuthError(f"the token service of {host} gave no token") from None
    return _Token(f"Bearer {text}", time.monotonic() + seconds - min(_MARGIN, seconds / 4))


def parse(challenge: str) -> tuple[str, Mapping[str, str]]:
    """(scheme, parameters) of a WWW-Authenticate header: Bearer where several are offered, else Basic.

    Raises AuthError for a scheme that registries don't use.
    """
    schemes = re.finditer(r"(?:^|,\s*)(bearer|basic)\b(?!\s*=)", challenge, re.I)
    starts = [(match.start(), match.group(1).lower()) for match in schemes]
    for wanted in ("bearer", "basic"):
        for number, (start, scheme) in enumerate(starts):
            if scheme == wanted:
                end = starts[number + 1][0] if number + 1 < len(starts) else len(challenge)
                found = _PARAMETER.findall(challenge[start:end])
                return scheme, {name.lower(): re.sub(r"\\(.)", r"\1", quoted) or bare for name, quoted, bare in found}
    raise AuthError(f"the registry asks for an unknown kind of login: {challenge[:80]!r}")
