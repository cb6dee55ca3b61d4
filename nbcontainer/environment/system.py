"""What a Linux image has beside Python and libraries: a shell, little tools, accounts, time zones, certificates.

What this is: which files of this machine, and which of our own. What it is not: their shared libraries (libraries.py).
In the flow: this machine -> *entries* -> host base. Tools are what `!cmd` and %%bash cells mostly use; network tools,
compilers and editors stay out: with their libraries they would double the image.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
from collections.abc import Iterator, Mapping

from nbcontainer.errors import BaseError
from nbcontainer.model import USER, Entry

BUNDLE = "etc/ssl/certs/ca-certificates.crt"
_TOOLS = re.findall(r"\S+", """
sh bash [ awk basename cat chmod chown cksum cmp comm cp cut date dd df diff dirname du echo egrep env expr false
fgrep find getconf grep gunzip gzip head hostname id join ldd ln locale ls md5sum mkdir mkfifo mktemp mv nice nl nohup
nproc od paste printenv printf ps pwd readlink realpath rev rm rmdir sed seq sha1sum sha256sum sha512sum shuf sleep
sort split stat stty sync tac tail tar tee test timeout touch tr true truncate tty uname uniq uptime wc which whoami
xargs yes zcat
""")
_ZONES = "/usr/share/zoneinfo"
_ZONES_LEFT = {"posix", "right", "localtime", "posixrules", "Etc/localtime"}
_NSSWITCH = b"passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n"
_CERTIFICATE = re.compile(
    r"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----.+?-----END (?:TRUSTED |X509 )?CERTIFICATE-----", re.S
)
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
            "/etc/ssl/cert.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem")


def tools() -> dict[str, str]:
    """{image path: real path here} of the programs; each once, whatever its names."""
    found = {}
    for _, real in _named_tools():
        found[_place(real)] = real
    ldconfig = _ldconfig()
    return {**found, **({"usr/sbin/ldconfig": ldconfig} if ldconfig else {})}


def tool_entries() -> list[Entry]:
    """The programs with their other names as links."""
    found = [Entry(path, source=real, mode=0o755) for path, real in tools().items()]
    for name, real in _named_tools():
        if name != os.path.basename(real):
            found.append(Entry(f"usr/bin/{name}", "link", os.path.relpath(_place(real), "usr/bin")))
    return found


def _named_tools() -> Iterator[tuple[str, str]]:
    for name in _TOOLS:
        path = next((p for p in (f"/usr/bin/{name}", f"/bin/{name}") if os.path.isfile(p)), None) or shutil.which(name)
        if path and os.access(path, os.X_OK) and not path.startswith("/usr/local/"):
            yield name, os.path.realpath(path)


def _place(real: str) -> str:
    return f"usr/bin/{os.path.basename(real)}"


def _ldconfig() -> str:
    """The real ldconfig; Ubuntu's is a script around it."""
    for path in ("/sbin/ldconfig.real", "/sbin/ldconfig", "/usr/sbin/ldconfig"):
        if os.path.isfile(path):
            return os.path.realpath(path)
    return ""


# ---------------------------------------------------------------- files
def file_entries() -> list[Entry]:
    """Accounts, name lookup, the merged /usr, folders for mounts, time zones, the locale C.UTF-8."""
    accounts = f"root:x:0:0:root:/root:/bin/sh\nnonroot:x:{USER}:{USER}:nonroot:/tmp:/bin/sh\n"
    found = [
        *(Entry(name, "link", f"usr/{name}") for name in ("bin", "sbin", "lib", "lib64")),
        *(Entry(name, "dir") for name in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "dev", "proc", "sys", "run",
                                          "etc", "var", "root")),
        Entry("tmp", "dir", mode=0o1777),
        Entry("var/tmp", "dir", mode=0o1777),
        Entry("etc/passwd", source=accounts.encode()),
        Entry("etc/group", source=f"root:x:0:\nnonroot:x:{USER}:\n".encode()),
        Entry("etc/nsswitch.conf", source=_NSSWITCH),
    ]
    release = "/etc/os-release"
    if os.path.isfile(release):
        found.append(Entry("etc/os-release", source=os.path.realpath(release)))
    return [*found, *_zones(), *_locale()]


def watched() -> list[str]:
    """What changes when any of it changes: programs, release, the folders of time zones."""
    folders = [folder for folder, _, _ in os.walk(_ZONES)]
    return sorted({*tools().values(), "/etc/os-release", *folders})


def _zones() -> Iterator[Entry]:
    for folder, names, files in os.walk(_ZONES):
        at = os.path.relpath(folder, _ZONES)
        names[:] = sorted(name for name in names if name not in _ZONES_LEFT)
        for name in sorted(files):
            inside = posixpath.normpath(f"{at}/{name}")
            path = os.path.join(folder, name)
            if inside in _ZONES_LEFT or not os.path.isfile(path):
                continue
            real = os.path.realpath(path)
            place = f"usr/share/zoneinfo/{inside}"
            if os.path.islink(path) and real.startswith(_ZONES + "/"):
                yield Entry(place, "link", os.path.relpath(real, folder))
            else:
                yield Entry(place, source=real)


def _locale() -> Iterator[Entry]:
    """glibc has C.UTF-8 as files, not built in; of its names the first that is there."""
    here = next((f for f in ("/usr/lib/locale/C.utf8", "/usr/lib/locale/C.UTF-8") if os.path.isdir(f)), "")
    for folder, _, files in os.walk(here or os.devnull):
        for file in sorted(files):
            path = os.path.join(folder, file)
            yield Entry(f"usr/lib/locale/C.utf8/{os.path.relpath(path, here)}", source=os.path.realpath(path))


# ---------------------------------------------------------------- certificates
def bundle(setting: str, around: Mapping[str, str]) -> str:
    """The PEM file that containers trust: the setting, else what this machine's programs trust; "" = there is none.

    Raises BaseError for a setting that can't be read.
    """
    if setting:
        path = os.path.abspath(os.path.expanduser(setting))
        if not os.path.isfile(path):
            raise BaseError(f"ca_bundle = {setting}: there is no such file", "set it to a PEM file of certificates")
        return path
    candidates = (around.get("SSL_CERT_FILE", ""), around.get("REQUESTS_CA_BUNDLE", ""), *_BUNDLES)
    return next((path for path in candidates if path and os.path.isfile(path)), "")


def certificates(path: str) -> bytes:
    """The certificates of a PEM file, sorted, each once, and nothing else: a key or a remark stays here."""
    try:
        with open(path, encoding="latin-1") as file:
            found = {re.sub(r"\s*\n\s*", "\n", each) for each in _CERTIFICATE.findall(file.read())}
    except OSError as error:
        raise BaseError(f"{path} can't be read: {error.strerror}", "set ca_bundle to a PEM file") from None
    if not found:
        raise BaseError(f"{path} holds no certificate in PEM form", "set ca_bundle to a PEM file of certificates")
    return ("\n".join(sorted(found)) + "\n").encode("latin-1")
