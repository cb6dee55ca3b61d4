"""Keys and certificates by the openssl program: one private CA, and what it signs.

What this is: the few commands that tests need. What it is not: good practice for keys that matter (ten years, no
passphrases). The cluster and the tests' TLS registries use it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path


def _openssl(*arguments: str, feed: str = "") -> str:
    done = subprocess.run(["openssl", *arguments], input=feed, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def private_key(path: Path) -> Path:
    """A P-256 key: hundreds of times quicker to make than RSA."""
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(path))
    path.chmod(0o600)
    return path


def public_key(key: Path, path: Path) -> Path:
    """The public half of `key`, in a file of its own."""
    _openssl("pkey", "-in", str(key), "-pubout", "-out", str(path))
    return path


class Authority:
    """A CA in `folder`: ca.crt, ca.key and whatever it signs."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.certificate, self.key = folder, folder / "ca.crt", folder / "ca.key"
        if not self.certificate.exists():
            private_key(self.key)
            _openssl(
                "req", "-x509", "-new", "-key", str(self.key), "-out", str(self.certificate), "-days", "3650",
                "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            )

    def sign(self, name: str, subject: str, alternatives: str = "") -> tuple[Path, Path]:
        """(certificate, key) for `subject` ("/O=group/CN=name"); `alternatives` is "IP:127.0.0.1,DNS:localhost"."""
        certificate, request = self.folder / f"{name}.crt", self.folder / f"{name}.csr"
        key, extensions = private_key(self.folder / f"{name}.key"), self.folder / f"{name}.ext"
        _openssl("req", "-new", "-key", str(key), "-subj", subject, "-out", str(request))
        lines = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=serverAuth,clientAuth"]
        extensions.write_text("\n".join([*lines, f"subjectAltName={alternatives}"] if alternatives else lines) + "\n")
        _openssl(
            "x509", "-req", "-in", str(request), "-CA", str(self.certificate), "-CAkey", str(self.key),
            "-CAcreateserial", "-days", "3650", "-extfile", str(extensions), "-out", str(certificate),
        )
        return certificate, key
