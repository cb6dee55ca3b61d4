"""The tests' own registry: what the other tests build on holds."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import requests

from tests.cluster.keys import Authority
from tests.registry_server import start_registry
from tests.registry_tokens import TokenServer


def test_open(tmp_path: Path) -> None:
    registry = start_registry(tmp_path)
    try:
        assert requests.get(f"{registry.url}/v2/", timeout=5).status_code == 200
        sent = requests.post(f"{registry.url}/v2/a/blobs/uploads/", timeout=5)
        assert sent.status_code == 202
        assert [(each.method, each.status) for each in registry.requests()][:2] == [("GET", 200), ("POST", 202)]
    finally:
        registry.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{registry.url}/v2/", timeout=5)


def test_with_a_password(tmp_path: Path) -> None:
    registry = start_registry(tmp_path, htpasswd={"ada": "pass: 'word\""})
    try:
        url = f"{registry.url}/v2/"
        assert requests.get(url, timeout=5).status_code == 401
        assert requests.get(url, timeout=5, auth=("ada", "wrong")).status_code == 401
        assert requests.get(url, timeout=5, auth=("ada", "pass: 'word\"")).status_code == 200
    finally:
        registry.close()


def test_with_tls_by_a_private_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca", "a private CA")
    registry = start_registry(tmp_path, tls=authority)
    try:
        assert requests.get(f"{registry.url}/v2/", timeout=5, verify=str(authority.certificate)).status_code == 200
        with pytest.raises(requests.exceptions.SSLError) as told:
            requests.get(f"{registry.url}/v2/", timeout=5, verify=ssl.get_default_verify_paths().cafile or True)
        assert "certificate verify failed" in str(told.value)
    finally:
        registry.close()


def test_with_tokens(tmp_path: Path) -> None:
    tokens = TokenServer(tmp_path, "ada", "secret", lifetime=300)
    registry = start_registry(tmp_path, tokens=tokens)
    try:
        url = f"{registry.url}/v2/a/blobs/uploads/"
        refused = requests.post(url, timeout=5)
        assert refused.status_code == 401
        assert 'scope="repository:a:pull,push"' in refused.headers["www-authenticate"]
        asked = {"scope": "repository:a:pull,push", "service": "test registry"}
        assert requests.get(tokens.url, asked, auth=("ada", "no"), timeout=5).status_code == 401
        token = requests.get(tokens.url, asked, auth=("ada", "secret"), timeout=5).json()["token"]
        assert requests.post(url, headers={"authorization": f"Bearer {token}"}, timeout=5).status_code == 202
        tokens.lifetime = -1
        old = requests.get(tokens.url, asked, auth=("ada", "secret"), timeout=5).json()["token"]
        assert requests.post(url, headers={"authorization": f"Bearer {old}"}, timeout=5).status_code == 401
    finally:
        registry.close()
        tokens.close()
