"""The RSA keys by which phones know this machine, where and as adb keeps them."""

from __future__ import annotations

import base64
import getpass
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from bench.core.errors import ConfigurationError

_BITS = 2048
_BYTES = _BITS // 8


class Key:
    """A private key, in the words that adb-shell asks it in.

    Raises:
        ConfigurationError: the file is missing or holds no RSA key of 2048 bits.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigurationError(
                f"{path}: no key of adb's: {error}", hint="see ADB_VENDOR_KEYS and ~/.android"
            ) from error
        if not isinstance(key, rsa.RSAPrivateKey) or key.key_size != _BITS:
            raise ConfigurationError(
                f"{path}: holds no RSA key of {_BITS} bits", hint="make one with adb keygen"
            )
        self._key = key

    def Sign(self, data: bytes) -> bytes:  # noqa: N802  # adb-shell's name
        """Returns the signature of a phone's token, which takes the place of a SHA-1."""
        signature: bytes = self._key.sign(
            bytes(data),
            padding.PKCS1v15(),
            Prehashed(hashes.SHA1()),  # noqa: S303  # adb's protocol
        )
        return signature

    def GetPublicKey(self) -> bytes:  # noqa: N802  # adb-shell's name
        """Returns the public key as in ``adbkey.pub``."""
        return _public_line(self._key)


def _public_line(key: rsa.RSAPrivateKey) -> bytes:
    """Returns a public key in Android's own format (libcrypto_utils/android_pubkey.cpp)."""
    numbers = key.public_key().public_numbers()
    modulus = numbers.n
    packed = struct.pack(
        f"<2I{_BYTES}s{_BYTES}sI",
        _BYTES // 4,
        (1 << 32) - pow(modulus, -1, 1 << 32),
        modulus.to_bytes(_BYTES, "little"),
        pow(1 << _BITS, 2, modulus).to_bytes(_BYTES, "little"),
        numbers.e,
    )
    return base64.b64encode(packed) + f" {_user()}@{socket.gethostname() or 'unknown'}".encode()


def default_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Returns where adb keeps the user's own key."""
    return Path(environ.get("HOME") or Path.home()) / ".android" / "adbkey"


def load_keys(environ: Mapping[str, str] = os.environ) -> list[Key]:
    """Returns the user's own key, made if missing, then those of ``ADB_VENDOR_KEYS``.

    Raises:
        ConfigurationError: a file holds no usable key, or none can be made.
    """
    own = default_path(environ)
    if not own.exists():
        make_key(own)
    return [Key(path) for path in dict.fromkeys([own, *_vendor_paths(environ)])]


def make_key(path: Path) -> None:
    """Makes a key that nobody else may read, and its public half beside it.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(text)
        try:
            os.link(partial, path)  # unlike a rename, never over a key that came meanwhile
        except FileExistsError:
            return
        finally:
            partial.unlink()
        path.with_name(f"{path.name}.pub").write_bytes(_public_line(key) + b"\n")
    except OSError as error:
        raise ConfigurationError(
            f"{path}: a key cannot be made: {error.strerror}", hint="check the folder's permissions"
        ) from error


def _vendor_paths(environ: Mapping[str, str]) -> Iterator[Path]:
    for word in filter(None, environ.get("ADB_VENDOR_KEYS", "").split(os.pathsep)):
        path = Path(word)
        yield from sorted(path.glob("*.adb_key")) if path.is_dir() else (path,)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
