"""Packages that come with an extra of ours: what to install where all of ``models`` lacks one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.core.errors import ConfigurationError


@contextmanager
def from_extra(extra: str, package: str | None = None) -> Iterator[None]:
    """Imports packages of an extra in its block.

    Args:
        package: what to call them; the missing module's own name by default.

    Raises:
        ConfigurationError: one of them is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise ConfigurationError(
            f"{package or error.name} is not installed",
            hint=f"pip install -e '.[{extra}]' -c constraints.txt",
        ) from error
