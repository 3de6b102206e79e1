"""The two kinds of programs that handsets run."""

from __future__ import annotations

from enum import StrEnum

from bench.core import config
from bench.core.errors import ConfigurationError


class Abi(StrEnum):
    """What a handset's benchmark tool is built for, in Android's words."""

    X86_64 = "x86_64"
    ARM64 = "arm64-v8a"

    @classmethod
    def of(cls, text: str) -> Abi:
        """Returns the one that a phone calls so.

        Raises:
            ConfigurationError: there are no handsets of that kind.
        """
        if text not in [*cls]:
            raise ConfigurationError(
                f"no benchmark tool can be built for {text}{config.near(text, [*cls])}",
                hint=f"handsets are {' or '.join(cls)}",
            )
        return cls(text)

    @property
    def architecture(self) -> str:
        """Returns Debian's word for it."""
        return "amd64" if self is Abi.X86_64 else "arm64"

    @property
    def machine(self) -> str:
        """Returns the kernel's word for it."""
        return "x86_64" if self is Abi.X86_64 else "aarch64"

    @property
    def triplet(self) -> str:
        """Returns the name of the folder that Debian keeps its libraries in."""
        return f"{self.machine}-linux-gnu"

    @property
    def compiler(self) -> str:
        """Returns the program that compiles for it on x86-64."""
        return "g++" if self is Abi.X86_64 else f"{self.triplet}-g++"

    @property
    def compiler_package(self) -> str:
        """Returns the package that has the compiler."""
        return "g++" if self is Abi.X86_64 else f"g++-{self.triplet}"
