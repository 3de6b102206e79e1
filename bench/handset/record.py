"""What a handset was asked to be, and what was booted."""

from __future__ import annotations

from dataclasses import dataclass

from bench.handset.abi import Abi
from bench.handset.process import Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Handset:
    """What a handset is asked to be.

    Args:
        name: its serial number as the phone itself knows it, and its host name.
        address: a loopback address of its own.
        properties: system properties, over those of the tree.
        data_bytes: size of its /data.
        abi: what it says that it is, and what its benchmark tool is built for.
    """

    name: str
    address: str
    port: int
    properties: dict[str, str]
    data_bytes: int
    abi: Abi = Abi.X86_64

    @property
    def serial(self) -> str:
        """Returns the serial that adb knows it by."""
        return f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A handset that was booted, as other processes find it.

    Args:
        boot_s: from the start of the process until adb took a connection.
    """

    handset: Handset
    init: Process
    boot_s: float
