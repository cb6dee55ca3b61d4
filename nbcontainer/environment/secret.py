"""Files that look like credentials: they are named, never taken into an image.

What this is: names and first bytes that give a key, a token or a password away. What it is not: a scanner of code.
In the flow: local.py asks it before it takes a file that a cell opens.
"""

from __future__ import annotations

import os
import re

_NAMES = re.compile(
    r"\.env(\..+)?|\.netrc|_netrc|\.pypirc|\.git-credentials|\.pgpass|\.npmrc|id_(rsa|dsa|ecdsa|ed25519)|kubeconfig"
    r"|.*\.(key|p12|pfx|jks|kdbx)|(client_secrets?|credentials?|service[-_]account.*)\.(json|ya?ml|ini|csv)",
    re.I,
)
_FOLDERS = {".aws", ".ssh", ".kube", ".docker", ".gnupg", ".azure"}
_CONTENT = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|\"private_key\"\s*:|aws_secret_access_key\s*=|client-key-data\s*:"
)
_HEAD = 1 << 16


def is_secret(path: str) -> bool:
    """Whether a file's name, or a folder that it lies in, is one of credentials."""
    *folders, name = os.path.normpath(path).split(os.sep)
    return bool(_NAMES.fullmatch(name) or _FOLDERS.intersection(folders))


def holds_key(path: str) -> bool:
    """Whether the file's first bytes are those of a key or a token."""
    try:
        with open(path, "rb") as file:
            return bool(_CONTENT.search(file.read(_HEAD)))
    except OSError:
        return False
