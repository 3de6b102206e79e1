"""The version of this program, as written into every record it makes, and those of packages."""

from __future__ import annotations

from collections.abc import Iterable

VERSION = "0.1.0"


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Returns the version of each package that is installed, by its name."""
    # Here, because it takes longer to import than --help may.
    from importlib.metadata import PackageNotFoundError, version

    versions: dict[str, str] = {}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
