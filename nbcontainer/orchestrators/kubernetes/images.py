"""Why a node can't pull an image, from the kubelet's sentence.

What this is: one table of words that container runtimes use. What it is not: anything else about pods (doctor.py).
In the flow: below doctor.py. Pure.
"""

from __future__ import annotations

REASONS = frozenset(
    ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError",
     "RegistryUnavailable", "SignatureValidationFailed")
)

# (words of which one must occur, lower case) -> meaning; the first row that fits counts
CAUSES = (
    (("http response to https client",), "the registry speaks plain HTTP, the node expects TLS"),
    (("x509", "certificate", "tls: "), "the node does not trust the registry's certificate"),
    (("no match for platform", "no matching manifest"), "it is not built for the node's platform"),
    (("no space left",), "the node's disk is full"),
    (("toomanyrequests", "429"), "the registry's rate limit is reached"),
    (("may require authorization", "pull access denied"), "no such repository, or pull credentials are missing"),
    (("401", "403", "unauthorized", "authorization failed", "authentication required", "denied", "forbidden"),
     "the registry refuses the node's credentials (see the target's pull_secrets)"),
    (("not found", "manifest unknown", "name unknown", "404"), "the registry has no such image"),
    (("no such host", "name or service not known"), "the node does not know the registry's host name"),
    (("connection refused", "i/o timeout", "no route to host", "deadline exceeded", "connection reset",
      "network is unreachable", "eof"), "the node can't reach the registry"),
)


def cause(image: str, reason: str, message: str) -> str:
    """'image REF can't be pulled: why'."""
    if reason == "InvalidImageName":
        return f"image {image}: that is no valid image name"
    if reason == "ErrImageNeverPull":
        return f"image {image} is not on the node, which may not pull it"
    text = message.replace(image, "").lower()  # a repository may be called "denied"
    meaning = next((each for words, each in CAUSES if any(word in text for word in words)), "")
    return f"image {image} can't be pulled: {meaning or message or 'the node gives no reason yet'}"
