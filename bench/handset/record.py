"""The configuration of a handset, and the record of a booted one."""

from __future__ import annotations

from dataclasses import dataclass

from bench.handset.abi import Abi
from bench.handset.process import Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Handset:
    """The configuration of a handset.

    Args:
        name: the phone's own serial number, and its host name.
        address: its own loopback address, 127.x.y.z.
        properties: system properties, which replace those of the tree.
        data_bytes: size of its /data.
        abi: the one that its benchmark tool is built for; a plain handset reports it too.
        replay: the phone of the gallery or the folder that it replays; empty for none.
    """

    name: str
    address: str
    port: int
    properties: dict[str, str]
    data_bytes: int
    abi: Abi = Abi.X86_64
    replay: str = ""

    @property
    def serial(self) -> str:
        """Returns the serial that adb knows it by."""
        return f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A booted handset, as recorded for other processes.

    Args:
        boot_s: from the start of the process until adb took a connection.
    """

    handset: Handset
    init: Process
    boot_s: float
