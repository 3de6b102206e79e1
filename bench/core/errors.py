"""The tree of errors that users see, each with facts and the next action.

BenchError                    exit 70  not raised itself
+-- ConfigurationError        exit 2   a file, key, flag or argument is wrong
|   +-- ModelFileError        exit 2   a file is not a usable .tflite model
+-- InfrastructureError       exit 3   a package, registry, tool or machine failed us
|   +-- DeviceError           exit 3   a device failed and will fail again
|       +-- TransientDeviceError  exit 3   worth another try
|       |   +-- RebootedError     exit 3   the phone came back on another boot
|       +-- ServiceRefusedError   exit 3   the phone does not offer a service of adb
|       +-- UnfitError            exit 4   too hot, too empty or throttled to be measured
+-- ToolOutputError           exit 4   the benchmark tool's output must not be trusted
+-- ConversionError           exit 4   a model could not be built or converted
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar


class BenchError(Exception):
    """Base of every error that the user can act on.

    Args:
        message: what is wrong, with the file, key or device.
        hint: the next thing to do, as an imperative sentence; may be empty.
        facts: details to reproduce it (device, command, exit status, last lines).
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, hint: str = "", **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.facts = facts

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class ConfigurationError(BenchError):
    """A file, key, flag or argument is wrong."""

    exit_code = 2


class ModelFileError(ConfigurationError):
    """A file is not a usable TFLite model."""


class InfrastructureError(BenchError):
    """A package, a registry, a tool or this machine failed; no verdict on any model."""

    exit_code = 3


class DeviceError(InfrastructureError):
    """A device failed and would fail again."""


class TransientDeviceError(DeviceError):
    """A device failed in a way that is worth another try."""


class RebootedError(TransientDeviceError):
    """A phone came back on another boot, so its session is over."""


class ServiceRefusedError(DeviceError):
    """A phone is there but does not offer a service of adb."""


class UnfitError(DeviceError):
    """A device is there, but not in a state to be measured."""

    exit_code = 4


class ToolOutputError(BenchError):
    """The benchmark tool's output must not be trusted."""

    exit_code = 4


class ConversionError(BenchError):
    """A model could not be built, converted or checked."""

    exit_code = 4


# As docs/exit-codes.md orders them.
_WORST_FIRST = (2, 70, 1, 3, 4, 5)


def worst(codes: Collection[int]) -> int:
    """Returns the most severe exit code; 0 if there is none."""
    return next((code for code in _WORST_FIRST if code in codes), 0)
