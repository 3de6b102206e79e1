"""The official tool: from the cache, else downloaded, with its SHA-256 recorded.

A file that is put into the cache by hand, at the path that a failed download names, counts as
fetched: not every machine reaches the publishers.
"""

from __future__ import annotations

import hashlib
import http.client
import platform
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
_LINUX = "linux-"
_ANDROID_8 = 26
# An HTTP proxy answers so when it does not let a connection through.
_TUNNEL = "Tunnel connection failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One published file.

    Args:
        sha256: ``None`` if it is not pinned.
        min_api: the Android API level that it is made for, as far as its publisher states it.
    """

    file: str
    sha256: str | None
    min_api: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where one program is published.

    Args:
        url: with ``{file}``, and with ``{version}`` if there are versions.
        version: the default version, which the hashes are of.
        builds: by ABI; for Linux by ``linux-`` and ABI.
        moving: names in place of a version whose file is replaced by later ones.
    """

    url: str
    version: str | None
    builds: dict[str, Build]
    moving: tuple[str, ...] = ()

    def keeps(self, version: str | None) -> bool:
        """Returns whether the file of a version is never replaced."""
        return version is not None and version not in self.moving


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The record of a file in the cache, stored beside it.

    Args:
        fetched_at: UTC, ISO 8601.
        by_hand: it was put there by hand; ``url`` is where it is published.
    """

    url: str
    sha256: str
    size_bytes: int
    fetched_at: str
    by_hand: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A file that is wanted.

    Args:
        abi: that the program must be for.
        binary: its path in the cache.
        sha256: pinned; ``None`` if it is not.
        kept: its address always has the same file.
    """

    url: str
    abi: str
    binary: Path
    sha256: str | None
    kept: bool

    @property
    def record(self) -> Path:
        """The path of its record."""
        return self.binary.with_suffix(".json")


def host_build() -> str:
    """Returns the name of the builds for this machine, such as ``linux-x86_64``.

    Raises:
        ConfigurationError: none is published for it.
    """
    abis = {"x86_64": "x86_64", "aarch64": "arm64-v8a", "armv7l": "armeabi-v7a"}
    system, machine = platform.system(), platform.machine()
    if system != "Linux" or machine not in abis:
        raise ConfigurationError(
            f"the official tool is not published for {system} on {machine}",
            hint="leave out --tool: the LiteRT interpreter measures; or build it and give it with "
            "--benchmark-binary PATH",
        )
    return f"{_LINUX}{abis[machine]}"


def fetch_tool(
    build: str,
    *,
    program: Program = Program.INTERPRETER,
    version: str | None = None,
    accept_new: bool = False,
    api_level: int | None = None,
    cache: Path | None = None,
    sources: Path | None = None,
) -> Path:
    """Returns the official program, downloaded if it is not cached yet.

    The SHA-256 of a file is recorded beside it when it is first fetched; a later download must have
    the same.

    Args:
        build: the ABI of a phone, or ``host_build()``.
        version: of the CompiledModel tool: a release, ``latest`` or ``nightly``. The interpreter's
            tool has none.
        accept_new: downloads it again, and accepts the file even if it differs from the record.
        api_level: of the phone's Android.
        cache: folder to keep it in; the user's cache folder by default.
        sources: a file in the format of ``official.yaml``, which is the default.

    Raises:
        ConfigurationError: such a build is not published, is for a later Android, or differs from
            the record.
        InfrastructureError: it cannot be downloaded, or the download is not a program.
    """
    source = _source(program, sources)
    published = source.builds.get(build)
    if published is None:
        raise _unpublished(program, build, source)
    _check_api(program, published, api_level)
    version = _version(source, program, version)
    wanted = _Wanted(
        url=source.url.format(file=published.file, version=version),
        abi=build.removeprefix(_LINUX),
        binary=_place(program, version, build, cache),
        sha256=published.sha256 if version == source.version else None,
        kept=source.keeps(version),
    )
    if accept_new or not _is_cached(wanted):
        _fetch(wanted, accept_new=accept_new)
    wanted.binary.chmod(0o755)
    return wanted.binary


def _is_cached(wanted: _Wanted) -> bool:
    """Returns whether the cache has the file; one that was put there by hand is recorded now."""
    binary, record = wanted.binary, wanted.record
    if not binary.is_file():
        return False
    if record.is_file():
        return sha256_file(binary) == config.load(record, Fetched).sha256
    _check_program(binary, str(binary), wanted, found="the file there")
    placed = Fetched(
        url=wanted.url,
        sha256=sha256_file(binary),
        size_bytes=binary.stat().st_size,
        fetched_at=_now(),
        by_hand=True,
    )
    _check_identity(placed, wanted, wanted.sha256)
    config.save(record, placed)
    return True


def _fetch(wanted: _Wanted, *, accept_new: bool) -> None:
    recorded = config.load(wanted.record, Fetched) if wanted.record.is_file() else None
    expected = wanted.sha256 or (None if accept_new or recorded is None else recorded.sha256)
    with atomic.replacing(wanted.binary) as partial:
        download = _download(wanted, partial)
        _check_program(partial, wanted.url, wanted, found="the download")
        _check_identity(download, wanted, expected)
        if recorded is None or recorded.sha256 != download.sha256:
            config.save(wanted.record, download)  # before the file: no file is without a record


def _unpublished(program: Program, build: str, source: Source) -> ConfigurationError:
    """Returns the error of a build that is not published, with the ones that are."""
    is_linux = build.startswith(_LINUX)
    published = [name for name in source.builds if name.startswith(_LINUX) == is_linux]
    other = "; its interpreter tool is: --tool interpreter" if build == "armeabi-v7a" else ""
    return ConfigurationError(
        f"{program} is not published for {build}, only for {', '.join(published)}{other}",
        hint="build it (Bazel's target benchmark_model) and give it with --benchmark-binary; for "
        "the virtual handset: frill-bench handset tool",
    )


def _check_api(program: Program, published: Build, api_level: int | None) -> None:
    if published.min_api is None or api_level is None or api_level >= published.min_api:
        return
    raise ConfigurationError(
        f"{program} is published for Android's API {published.min_api} and later (Android 8.0 has "
        f"{_ANDROID_8}), and the phone has API {api_level}",
        hint=f"build it for API {api_level} and give it with --benchmark-binary",
    )


def cached_tool(abi: str, *, program: Program, version: str | None = None) -> Path | None:
    """Returns the program that ``fetch_tool`` would give without a download; ``None`` if absent.

    Raises:
        ConfigurationError: the version cannot be one.
    """
    binary = _place(program, _version(_source(program, None), program, version), abi, None)
    return binary if binary.is_file() else None


def _place(program: Program, version: str | None, abi: str, cache: Path | None) -> Path:
    name = "-".join(filter(None, (program.replace(" ", "-"), version, abi)))
    return (cache or cache_dir()) / "official" / name / "benchmark_model"


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
        raise ConfigurationError(
            f"{version!r} is not a version",
            hint=f"give one such as {', '.join((source.version, *source.moving))}",
        )
    return version


def _download(wanted: _Wanted, target: Path) -> Fetched:
    """Downloads to ``target``; returns the record."""
    url = wanted.url
    _check_https(url)
    try:
        with urllib.request.build_opener().open(url, timeout=_LIMIT_S) as response:
            _check_https(response.url)  # after redirections
            with target.open("wb") as stream:
                digest, size_bytes = _copy(response, stream)
    except urllib.error.HTTPError as error:
        error.close()
        raise _download_error(wanted, f"the server answers {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        reason = getattr(error.reason, "strerror", "") or str(error.reason)
        raise _download_error(wanted, reason) from error
    except (OSError, http.client.HTTPException) as error:
        raise _download_error(wanted, str(error) or type(error).__name__) from error
    return Fetched(url=url, sha256=digest, size_bytes=size_bytes, fetched_at=_now())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


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


def _check_program(path: Path, named: str, wanted: _Wanted, *, found: str) -> None:
    try:
        elf = read_elf(path)
    except ConfigurationError as error:
        reason = error.message.removeprefix(f"{path}: ")
        raise _download_error(wanted, reason, named=named) from error
    if elf is None or elf.abi != wanted.abi:
        kind = "a script" if elf is None else f"for {elf.abi}"
        raise _download_error(wanted, f"{found} is {kind}", named=named)


def _check_identity(fetched: Fetched, wanted: _Wanted, expected: str | None) -> None:
    if expected is None or fetched.sha256 == expected:
        return
    pinned = expected == wanted.sha256
    hint = "results of the two are not comparable; to use the new one: --accept-new-tool"
    if wanted.kept:
        hint = f"a release does not change, so check where it comes from; {hint}"
    raise ConfigurationError(
        f"{fetched.url} is no longer the file that was "
        f"{'pinned' if pinned else 'fetched first'}: sha256 {fetched.sha256}, not {expected}",
        hint="check where it comes from" if pinned else hint,
        found=fetched.sha256,
        expected=expected,
    )


def _download_error(
    wanted: _Wanted, reason: str, *, named: str | None = None
) -> InfrastructureError:
    """Returns the error of a file that cannot be had, with the place to put it by hand."""
    if reason.startswith(_TUNNEL):
        proxy = urllib.request.getproxies().get("https", "the proxy")
        reason = f"the proxy {_without_password(proxy)} does not let it through ({reason})"
    again = f" (and remove {wanted.record.name} beside it)" if wanted.record.is_file() else ""
    version = "check the version; or " if " 404 " in f"{reason} " else ""
    return InfrastructureError(
        f"{named or wanted.url}: {reason}",
        hint=f"{version}get {wanted.url} on a machine that reaches it and put the file at "
        f"{wanted.binary}{again}, or give a copy with --benchmark-binary PATH; or build it "
        "(Bazel's target benchmark_model in the source of TensorFlow or LiteRT); for the virtual "
        "handset: frill-bench handset tool",
        url=wanted.url,
        path=str(wanted.binary),
    )


def _without_password(proxy: str) -> str:
    return re.sub(r"//[^/@]*@", "//", proxy)
