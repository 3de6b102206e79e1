"""The ABIs that handsets run programs of."""

from __future__ import annotations

from enum import StrEnum

from bench.core import config
from bench.core.errors import ConfigurationError


class Abi(StrEnum):
    """The ABI that a handset's benchmark tool is built for, by Android's name."""

    X86_64 = "x86_64"
    ARM64 = "arm64-v8a"

    @classmethod
    def of(cls, text: str) -> Abi:
        """Returns the ABI of Android's name.

        Raises:
            ConfigurationError: handsets do not support it.
        """
        if text not in [*cls]:
            raise ConfigurationError(
                f"no benchmark tool can be built for {text}{config.near(text, [*cls])}",
                hint=f"handsets are {' or '.join(cls)}",
            )
        return cls(text)

    @property
    def architecture(self) -> str:
        """Returns Debian's name of it."""
        return "amd64" if self is Abi.X86_64 else "arm64"

    @property
    def machine(self) -> str:
        """Returns the kernel's name of it."""
        return "x86_64" if self is Abi.X86_64 else "aarch64"

    @property
    def triplet(self) -> str:
        """Returns the name of the folder that Debian keeps its libraries in."""
        return f"{self.machine}-linux-gnu"

    @property
    def compiler(self) -> str:
        """Returns the compiler for it on x86-64."""
        return "g++" if self is Abi.X86_64 else f"{self.triplet}-g++"

    @property
    def compiler_package(self) -> str:
        """Returns the package that has the compiler."""
        return "g++" if self is Abi.X86_64 else f"g++-{self.triplet}"
