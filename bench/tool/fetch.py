"""The official tool for a phone: from the cache, else downloaded, with its SHA-256 recorded."""

from __future__ import annotations

import hashlib
import http.client
import re
import urllib.error
import urllib.request
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import BinaryIO

from bench.core import atomic, config
from bench.core.errors import ConfigurationError, InfrastructureError
from bench.core.hashing import sha256_file
from bench.core.paths import cache_dir
from bench.tool.elf import read_elf
from bench.tool.flags import Program

_LIMIT_S = 30.0  # without a byte
_LARGEST_BYTES = 256 * 2**20
_CHUNK_BYTES = 2**18


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One published file; ``sha256`` is ``None`` if it is not pinned."""

    file: str
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where one program is published.

    Args:
        url: with ``{file}``, and with ``{version}`` if there are versions.
        version: the default version, which the hashes are of.
        builds: by ABI.
    """

    url: str
    version: str | None
    builds: dict[str, Build]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The record of a download, stored beside it.

    Args:
        fetched_at: UTC, ISO 8601.
    """

    url: str
    sha256: str
    size_bytes: int
    fetched_at: str


def fetch_tool(
    abi: str,
    *,
    program: Program = Program.INTERPRETER,
    version: str | None = None,
    accept_new: bool = False,
    cache: Path | None = None,
    sources: Path | None = None,
) -> Path:
    """Returns the official program for phones of one ABI, downloaded if it is not cached yet.

    The SHA-256 of a file is recorded beside it when it is first fetched; a later download must have
    the same.

    Args:
        version: of the CompiledModel tool; the interpreter's tool has none.
        accept_new: downloads it again, and accepts the file even if it differs from the record.
        cache: folder to keep it in; the user's cache folder by default.
        sources: a file in the format of ``official.yaml``, which is the default.

    Raises:
        ConfigurationError: such a build is not published, or it differs from the record.
        InfrastructureError: it cannot be downloaded, or the download is not a program.
    """
    source = _source(program, sources)
    build = source.builds.get(abi)
    if build is None:
        raise ConfigurationError(
            f"{program} is not published for {abi}, only for {', '.join(source.builds)}",
            hint="build it and give it with --benchmark-binary; for the virtual handset: "
            "frill-bench handset tool",
        )
    version = _version(source, program, version)
    url = source.url.format(file=build.file, version=version)
    name = "-".join(filter(None, (program.replace(" ", "-"), version, abi)))
    binary = (cache or cache_dir()) / "official" / name / "benchmark_model"
    record = binary.with_suffix(".json")
    recorded = config.load(record, Fetched) if record.is_file() else None
    if not accept_new and recorded and binary.is_file() and sha256_file(binary) == recorded.sha256:
        return binary
    pinned = build.sha256 if version == source.version else None
    expected = pinned or (None if accept_new or recorded is None else recorded.sha256)
    with atomic.replacing(binary) as partial:
        download = _download(url, partial)
        _check_program(partial, url, abi)
        _check_identity(download, expected, pinned=pinned is not None)
        if recorded is None or recorded.sha256 != download.sha256:
            config.save(record, download)  # before the file, so that no file is without a record
    binary.chmod(0o755)
    return binary


def _source(program: Program, path: Path | None) -> Source:
    packaged = resources.as_file(resources.files("bench.tool") / "official.yaml")
    with nullcontext(path) if path else packaged as file:
        return config.load(file, dict[str, Source])[program.name.lower()]


def _version(source: Source, program: Program, version: str | None) -> str | None:
    if version is None:
        return source.version
    if source.version is None:
        raise ConfigurationError(
            f"{program} is published without versions", hint="leave the version out"
        )
    if not re.fullmatch(r"\w[\w.-]*", version):
        raise ConfigurationError(f"{version!r} is not a version", hint="give one such as 2.2.0")
    return version


def _download(url: str, target: Path) -> Fetched:
    """Downloads to ``target``; returns the record."""
    _check_https(url)
    try:
        with urllib.request.urlopen(url, timeout=_LIMIT_S) as response:  # noqa: S310 - https only
            _check_https(response.url)  # after redirections
            with target.open("wb") as stream:
                digest, size_bytes = _copy(response, stream)
    except urllib.error.HTTPError as error:
        error.close()
        raise InfrastructureError(
            f"{url}: the server answers {error.code} {error.reason}",
            hint="check the version; else give your own build with --benchmark-binary PATH",
            url=url,
        ) from error
    except urllib.error.URLError as error:
        raise _download_error(
            url, getattr(error.reason, "strerror", "") or str(error.reason)
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise _download_error(url, str(error) or type(error).__name__) from error
    return Fetched(
        url=url,
        sha256=digest,
        size_bytes=size_bytes,
        fetched_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _copy(response: http.client.HTTPResponse, stream: BinaryIO) -> tuple[str, int]:
    digest, size_bytes = hashlib.sha256(), 0
    total_bytes = response.length or 0
    while chunk := response.read(_CHUNK_BYTES):
        size_bytes += len(chunk)
        if size_bytes > _LARGEST_BYTES:
            raise OSError(
                f"it is larger than {_LARGEST_BYTES >> 20} MiB, too large for such a program"
            )
        digest.update(chunk)
        stream.write(chunk)
    if total_bytes and size_bytes != total_bytes:
        raise OSError(f"the connection ended after {size_bytes} of {total_bytes} bytes")
    return digest.hexdigest(), size_bytes


def _check_https(url: str) -> None:
    if not url.startswith("https://"):
        raise ConfigurationError(
            f"{url}: programs are fetched over https only", hint="correct the address"
        )


def _check_program(partial: Path, url: str, abi: str) -> None:
    try:
        elf = read_elf(partial)
    except ConfigurationError as error:
        raise _download_error(url, error.message.removeprefix(f"{partial}: ")) from error
    if elf is None or elf.abi != abi:
        raise _download_error(
            url, f"the download is {'a script' if elf is None else f'for {elf.abi}'}"
        )


def _check_identity(download: Fetched, expected: str | None, *, pinned: bool) -> None:
    if expected is None or download.sha256 == expected:
        return
    raise ConfigurationError(
        f"{download.url} is no longer the file that was "
        f"{'pinned' if pinned else 'fetched first'}: sha256 {download.sha256}, not {expected}",
        hint="check where it comes from"
        if pinned
        else "results of the two are not comparable; to use the new one: --accept-new-tool",
        found=download.sha256,
        expected=expected,
    )


def _download_error(url: str, reason: str) -> InfrastructureError:
    return InfrastructureError(
        f"{url}: {reason}",
        hint="download it on a machine that reaches it, copy the file here and give it with "
        "--benchmark-binary PATH; or build it (Bazel's target benchmark_model in the source of "
        "TensorFlow or LiteRT); for the virtual handset: frill-bench handset tool",
        url=url,
    )
