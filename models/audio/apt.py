"""Fetches Debian packages by name with apt, on a state folder of its own and without root."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.core.errors import InfrastructureError

OWN_AUDIO_HINT = "give audio of your own instead: a folder with one sub-folder a label, or a CSV"
_TIMEOUT_S = 600


def require() -> None:
    """Checks that apt-get and dpkg-deb are here.

    Raises:
        InfrastructureError: one is not.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise InfrastructureError(
                f"{tool} is not on this machine, so the packaged audio cannot be fetched",
                hint=OWN_AUDIO_HINT,
            )


def download(names: Sequence[str], *, folder: Path) -> dict[str, Path]:
    """Returns the .deb file of each package, downloaded below ``folder``.

    The machine's own sources are read, but package lists, cache and locks are all below
    ``folder``: nothing of the system is touched and stale lists do not matter.

    Raises:
        InfrastructureError: apt could not fetch a package.
    """
    require()
    state, target = folder / "apt", folder / "debs"
    for needed in (state / "lists" / "partial", state / "archives" / "partial", target):
        needed.mkdir(parents=True, exist_ok=True)
    # A source of the machine that does not answer must not stop us: the download decides.
    update = _apt(state, "update", folder=target)
    fetched = _apt(state, "download", *names, folder=target)
    found = {path.name.split("_")[0]: path for path in target.glob("*.deb")}
    missing = [name for name in names if name not in found]
    if fetched.returncode != 0 or missing:
        said = [line for line in (update.stderr + fetched.stderr).splitlines() if line.strip()]
        raise InfrastructureError(
            f"apt could not fetch {', '.join(missing or names)}: {_reason(said)}",
            hint=f"check the network and apt's sources, or {OWN_AUDIO_HINT}",
            exit_status=fetched.returncode,
            last_lines=said[-5:],
        )
    return found


def version(deb: Path) -> str:
    """Returns the version that a .deb file states.

    Raises:
        InfrastructureError: it is no package.
    """
    return _dpkg("--field", str(deb), "Version", deb=deb).strip()


def unpack(deb: Path, *, folder: Path) -> None:
    """Unpacks the files of a .deb below ``folder``, without installing it.

    Raises:
        InfrastructureError: it is no package or the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _dpkg("--extract", str(deb), str(folder), deb=deb)


def _apt(state: Path, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    options = {
        "Dir::State": state,
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": state,
        "APT::Sandbox::User": "root",  # no second user: as root its files would be unreadable to it
        "Acquire::Retries": 2,
        "Acquire::http::Timeout": 30,
    }
    flags = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    try:
        return subprocess.run(
            ["apt-get", "-q", *flags, *words],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InfrastructureError(
            f"apt-get {words[0]} did not end within {_TIMEOUT_S} s", hint=OWN_AUDIO_HINT
        ) from error


def _dpkg(*words: str, deb: Path) -> str:
    done = subprocess.run(
        ["dpkg-deb", *words], capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode != 0:
        raise InfrastructureError(
            f"{deb.name}: dpkg-deb failed: {_reason(done.stderr.splitlines())}",
            hint="check the free disk space and fetch again",
            exit_status=done.returncode,
        )
    return done.stdout


def _reason(lines: Sequence[str]) -> str:
    errors = [line[2:].strip() for line in lines if line.startswith("E:")]
    return (errors or [line.strip() for line in lines] or ["it gave no reason"])[-1]
