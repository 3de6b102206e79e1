"""SHA-256 of files, bytes and plain values: the identity of everything that is measured."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path


def sha256_file(path: Path) -> str:
    """Returns the hex SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha1_file(path: Path) -> str:
    """Returns the hex SHA-1 of a file's bytes, for what knows no SHA-256."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, partial(hashlib.sha1, usedforsecurity=False)).hexdigest()


def sha256_bytes(content: bytes) -> str:
    """Returns the hex SHA-256 of ``content``."""
    return hashlib.sha256(content).hexdigest()


def sha256_value(value: object) -> str:
    """Returns the hex SHA-256 of a JSON-like value, independent of key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256_bytes(text.encode())
