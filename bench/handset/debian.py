"""Debian packages and source files, by this machine's own apt, on a state folder of its own."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import InfrastructureError
from bench.core.hashing import sha256_file

MIRROR_VARIABLE = "FRILL_BENCH_DEBIAN_MIRROR"
_ARCHITECTURE = "amd64"
_APT_HELPER = Path("/usr/lib/apt/apt-helper")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_ROLLING = ("stable", "testing", "unstable", "sid")
_LIMIT_S = 600
_NETWORK_HINT = "check the network and apt's sources, then run it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package that was used: what a manifest says about it."""

    name: str
    version: str
    sha256: str


def require() -> None:
    """Checks that a handset can be made here.

    Raises:
        InfrastructureError: a tool is missing, or the machine is of another kind.
    """
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise InfrastructureError(
            f"the virtual handset needs Linux on x86-64, not {platform.system()} on "
            f"{platform.machine()}",
            hint="use a real phone, or this machine itself: frill-bench run --host",
        )
    for tool, package in (
        ("apt-get", "apt"),
        ("dpkg-deb", "dpkg"),
        ("tar", "tar"),
        ("g++", "g++"),
        ("unshare", "util-linux"),
    ):
        if shutil.which(tool) is None:
            raise InfrastructureError(
                f"{tool} is not on this machine, and the virtual handset needs it",
                hint=f"install it: apt-get install {package}",
            )


def mirror() -> str:
    """Returns the address of the Debian archive that this machine's apt uses.

    Raises:
        InfrastructureError: the machine is not set up with one.
    """
    own = os.environ.get(MIRROR_VARIABLE)
    if own:
        return own.rstrip("/")
    system = platform.freedesktop_os_release()
    targets = _run(
        ["apt-get", "indextargets", "--no-release-info", "--format", "$(REPO_URI) $(RELEASE)"]
    )
    sources: dict[str, str] = {}
    for line in targets.splitlines():
        address, _, release = line.partition(" ")
        sources.setdefault(release, address)
    if system.get("ID") == "debian":
        for release in (system.get("VERSION_CODENAME", ""), *_ROLLING):
            if release in sources:
                return sources[release].rstrip("/")
    raise InfrastructureError(
        "this machine's apt has no source of Debian packages",
        hint=f"set {MIRROR_VARIABLE} to the address of a Debian mirror",
    )


def download(names: Sequence[str], *, suite: str, state: Path, folder: Path) -> list[Path]:
    """Returns the .deb files of the packages and of all that they depend on.

    Args:
        names: packages; an essential system is not assumed, so libc comes along.
        suite: the Debian suite that they are taken from.
        state: apt's lists are kept here from one call to the next.
        folder: where the files go; must be empty.

    Raises:
        InfrastructureError: apt could not fetch them.
    """
    for needed in (state / "lists" / "partial", folder / "partial"):
        needed.mkdir(parents=True, exist_ok=True)
    (state / "status").write_text("")
    signed = f"[signed-by={_KEYRING}] " if _KEYRING.is_file() else ""
    (state / "sources.list").write_text(f"deb {signed}{mirror()} {suite} main\n")
    # A post-invoke script of the machine may fail where we are not root: the download decides.
    updated = _apt(state, folder, "update")
    fetched = _apt(state, folder, "install", "--yes", "--download-only", *names)
    debs = sorted(folder.glob("*.deb"))
    if fetched.returncode != 0 or not debs:
        said = (updated.stderr + fetched.stderr).splitlines()
        reasons = [line[2:].strip() for line in said if line.startswith("E:")]
        raise InfrastructureError(
            f"apt could not fetch {', '.join(names)} from {suite}: {(reasons or said)[-1:]}",
            hint=_NETWORK_HINT,
            exit_status=fetched.returncode,
            last_lines=said[-5:],
        )
    return debs


def download_file(path: str, *, sha256: str, target: Path) -> None:
    """Writes a file of the archive to ``target``, after its sum was checked.

    Args:
        path: inside the archive, as in ``pool/main/...``.

    Raises:
        InfrastructureError: it could not be fetched or its sum differs.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _run([str(_APT_HELPER), "download-file", f"{mirror()}/{path}", str(target)])
    found = sha256_file(target)
    if found != sha256:
        target.unlink()
        raise InfrastructureError(
            f"{path}: its SHA-256 is {found}, not the pinned {sha256}",
            hint="the archive's file is not the one that was looked into; use another mirror",
        )


def describe(deb: Path) -> Package:
    """Returns the name, version and sum of a .deb file."""
    name, version = _run(
        ["dpkg-deb", "--show", "--showformat", "${Package} ${Version}", str(deb)]
    ).split()
    return Package(name=name, version=version, sha256=sha256_file(deb))


def unpack(deb: Path, *, folder: Path, exclude: Sequence[str] = ()) -> None:
    """Unpacks the files of a .deb below ``folder``, without those that match ``exclude``.

    Raises:
        InfrastructureError: it is no package or the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Links to folders stay links: a package's /lib must not replace the tree's link of that name.
    tar = ["tar", "-x", "-C", str(folder), "--keep-directory-symlink"]
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE
    ) as stream:
        done = subprocess.run(
            [*tar, *(f"--exclude={pattern}" for pattern in exclude)],
            stdin=stream.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0 or stream.returncode != 0:
        raise InfrastructureError(
            f"{deb.name} cannot be unpacked: {done.stderr.strip()}",
            hint="check the free disk space and run it again",
        )


def _apt(state: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    options = {
        "APT::Architecture": _ARCHITECTURE,
        "APT::Architectures::": _ARCHITECTURE,
        "APT::Get::AllowUnauthenticated": "false",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",  # no second user: it could not read our folders
        # A mirror may be a frozen snapshot, whose date has passed; it is signed all the same.
        "Acquire::Check-Valid-Until": "false",
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        "Debug::NoLocking": "true",
        "Dir::Cache": state,
        "Dir::Cache::archives": folder,
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::Etc::sourcelist": state / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": state / "lists",
        "Dir::State::status": state / "status",
    }
    flags = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    try:
        return subprocess.run(
            ["apt-get", "-q", *flags, *words],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InfrastructureError(
            f"apt-get {words[0]} did not end within {_LIMIT_S} s", hint=_NETWORK_HINT
        ) from error


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise InfrastructureError(
            f"{' '.join(command[:2])} failed: {done.stderr.strip()[-300:]}",
            hint=_NETWORK_HINT,
            exit_status=done.returncode,
        )
    return done.stdout
