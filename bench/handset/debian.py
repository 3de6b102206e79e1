"""Fetches Debian packages and source files with this machine's apt, in a separate state folder."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from bench.core.errors import InfrastructureError
from bench.core.hashing import sha256_file
from bench.core.system import apt
from bench.handset.abi import Abi
from bench.handset.process import run

MIRROR_VARIABLE = "FRILL_BENCH_DEBIAN_MIRROR"
_APT_HELPER = "/usr/lib/apt/apt-helper"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_ROLLING = ("stable", "testing", "unstable", "sid")
_NETWORK_HINT = "check the network and apt's sources, then run this again"


def require() -> None:
    """Checks that this machine can run a handset.

    Raises:
        InfrastructureError: a tool is missing, or the machine is not Linux on x86-64.
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
        apt.require(tool, what="the virtual handset", hint=f"install it: apt-get install {package}")


def _mirror() -> str:
    """Returns the address of the Debian archive that this machine's apt uses.

    Raises:
        InfrastructureError: the machine's apt has none.
    """
    configured = os.environ.get(MIRROR_VARIABLE)
    if configured:
        return configured.rstrip("/")
    system = platform.freedesktop_os_release()
    targets = run(
        *("apt-get", "indextargets", "--no-release-info", "--format", "$(REPO_URI) $(RELEASE)"),
        failed="apt-get indextargets failed",
        hint=_NETWORK_HINT,
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


def download(
    names: Sequence[str], *, suite: str, state: Path, folder: Path, abi: Abi = Abi.X86_64
) -> list[Path]:
    """Returns the .deb files of the packages and of all their dependencies.

    Args:
        names: packages; an essential system is not assumed, so libc is included.
        suite: the Debian suite that they are taken from.
        state: folder that keeps apt's lists between calls.
        folder: where the files are written; must be empty.
        abi: the packages' architecture.

    Raises:
        InfrastructureError: apt could not fetch them.
    """
    state = state / abi.architecture
    for path in (state / "lists" / "partial", folder / "partial"):
        path.mkdir(parents=True, exist_ok=True)
    (state / "status").write_text("")
    signed = f"[signed-by={_KEYRING}] " if _KEYRING.is_file() else ""
    (state / "sources.list").write_text(f"deb {signed}{_mirror()} {suite} main\n")
    options = {
        "APT::Architecture": abi.architecture,
        "APT::Architectures::": abi.architecture,
        "APT::Get::AllowUnauthenticated": "false",
        "APT::Install-Recommends": "false",
        # A mirror may be an old frozen archive, whose date has passed; it is still signed.
        "Acquire::Check-Valid-Until": "false",
        "Acquire::Languages": "none",
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
    # A post-invoke script of the machine may fail where we are not root: the download decides.
    updated = apt.run("update", options=options, hint=_NETWORK_HINT)
    words = ("install", "--yes", "--download-only", *names)
    fetched = apt.run(*words, options=options, hint=_NETWORK_HINT)
    debs = sorted(folder.glob("*.deb"))
    if fetched.returncode != 0 or not debs:
        raise apt.not_fetched(names, (updated, fetched), hint=_NETWORK_HINT)
    return debs


def download_file(path: str, *, sha256: str, target: Path) -> None:
    """Writes a file of the archive to ``target``, after its hash was checked.

    Args:
        path: inside the archive, such as ``pool/main/...``.

    Raises:
        InfrastructureError: it could not be fetched or its hash differs.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    run(
        *(_APT_HELPER, "download-file", f"{_mirror()}/{path}", str(target)),
        failed=f"{_APT_HELPER} download-file failed",
        hint=_NETWORK_HINT,
    )
    actual = sha256_file(target)
    if actual != sha256:
        target.unlink()
        raise InfrastructureError(
            f"{path}: its SHA-256 is {actual}, not the pinned {sha256}",
            hint="the archive's file is not the one of the package list; use another mirror",
        )
