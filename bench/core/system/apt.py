"""Downloads Debian packages with this machine's apt, in a separate state folder, without root."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core.errors import InfrastructureError
from bench.core.hashing import sha256_file

_LIMIT_S = 600
_DISK_HINT = "check the free disk space and fetch again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """The record of a package, as manifests have it."""

    name: str
    version: str
    sha256: str


def require(*tools: str, what: str, hint: str) -> None:
    """Checks that the tools are on this machine.

    Raises:
        InfrastructureError: one is missing, which ``what`` needs.
    """
    for tool in tools:
        if shutil.which(tool) is None:
            raise InfrastructureError(
                f"{tool} is not on this machine, and {what} needs it", hint=hint
            )


def download(names: Sequence[str], *, folder: Path, hint: str) -> dict[str, Path]:
    """Returns the .deb file of each package, downloaded below ``folder``, without dependencies.

    The machine's own sources are read, but package lists, cache and locks are all below
    ``folder``: the system is not changed and its stale lists do not matter.

    Raises:
        InfrastructureError: apt could not fetch a package.
    """
    state, target = folder / "apt", folder / "debs"
    for path in (state / "lists" / "partial", state / "archives" / "partial", target):
        path.mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::State": state,
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": state,
        "Acquire::http::Timeout": 30,
    }
    # A source that does not answer is not an error yet: the download decides.
    updated = run("update", options=options, hint=hint)
    fetched = run("download", *names, options=options, hint=hint, folder=target)
    debs = {path.name.split("_")[0]: path for path in target.glob("*.deb")}
    missing = [name for name in names if name not in debs]
    if fetched.returncode != 0 or missing:
        raise not_fetched(missing or names, (updated, fetched), hint=hint)
    return debs


def run(
    *words: str, options: Mapping[str, object], hint: str, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs apt-get and returns the ended process, whatever its exit status.

    Args:
        words: its command line.
        options: configuration options of apt.
        hint: of the error, if it does not end in time.
        folder: its working folder.

    Raises:
        InfrastructureError: it did not end in time.
    """
    # No second user: under root, apt's own user could not read its files.
    settings = {"APT::Sandbox::User": "root", "Acquire::Retries": 2, **options}
    flags = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    try:
        return _ended(["apt-get", "-q", *flags, *words], cwd=folder, timeout=_LIMIT_S)
    except subprocess.TimeoutExpired as error:
        raise InfrastructureError(
            f"apt-get {words[0]} did not end within {_LIMIT_S} s", hint=hint
        ) from error


def not_fetched(
    names: Sequence[str], runs: Sequence[subprocess.CompletedProcess[str]], *, hint: str
) -> InfrastructureError:
    """Returns the error of packages that apt could not fetch in ``runs``; the last one decides."""
    lines = [line for done in runs for line in done.stderr.splitlines() if line.strip()]
    reasons = [line[2:].strip() for line in lines if line.startswith("E:")]
    reason = (reasons or lines or ["it gave no reason"])[-1]
    return InfrastructureError(
        f"apt could not fetch {', '.join(names)}: {reason}",
        hint=hint,
        exit_status=runs[-1].returncode,
        last_lines=lines[-5:],
    )


def describe(deb: Path) -> Package:
    """Returns the name, version and SHA-256 of a .deb file.

    Raises:
        InfrastructureError: it is not a package.
    """
    done = _ended(["dpkg-deb", "--show", "--showformat", "${Package} ${Version}", str(deb)])
    if done.returncode != 0:
        raise InfrastructureError(
            f"{deb.name} is not a package: {done.stderr.strip()}",
            hint=_DISK_HINT,
            exit_status=done.returncode,
        )
    name, version = done.stdout.split()
    return Package(name=name, version=version, sha256=sha256_file(deb))


def unpack(deb: Path, *, folder: Path, exclude: Sequence[str] = ()) -> None:
    """Unpacks the files of a .deb below ``folder``, without those that match ``exclude``.

    Raises:
        InfrastructureError: it is not a package, or the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Links to folders stay links: a package's /lib must not replace the tree's link /lib.
    tar = ["tar", "-x", "-C", str(folder), "--keep-directory-symlink"]
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE
    ) as stream:
        excluded = [f"--exclude={pattern}" for pattern in exclude]
        done = _ended([*tar, *excluded], stdin=stream.stdout)
    if done.returncode != 0 or stream.returncode != 0:
        raise InfrastructureError(
            f"{deb.name} cannot be unpacked: {done.stderr.strip()}", hint=_DISK_HINT
        )


def _ended(command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Returns an ended process with its texts, whatever its exit status."""
    return subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False, **options
    )
