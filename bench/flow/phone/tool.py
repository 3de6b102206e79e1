"""The benchmark tool of a phone: chooses a build and stages it."""

from __future__ import annotations

import shlex
import threading
from pathlib import Path, PurePath

from bench.adb.phone import Phone
from bench.adb.staging import stage
from bench.adb.state.facts import Facts
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from bench.flow.device.requests import ToolRequest
from bench.tool.elf import Elf
from bench.tool.fetch import fetch_tool
from bench.tool.flags import Program, known_flags
from bench.tool.host import Tool, raw_text

_PROBE_LIMIT_S = 30.0


class PhoneTools:
    """Chooses the build of the tool for each phone; phones of one kind share a download."""

    def __init__(self, request: ToolRequest | None = None) -> None:
        self.request = request or ToolRequest()
        self._lock = threading.Lock()
        self._accepted: set[str] = set()

    def binary_for(self, facts: Facts) -> Path:
        """Returns the tool's file on this machine, after fetching or building it if necessary.

        Raises:
            ConfigurationError: the file does not exist, or there is no build for this phone.
            InfrastructureError: it cannot be fetched or built.
        """
        request = self.request
        if request.binary is not None:
            if not request.binary.is_file():
                raise ConfigurationError(
                    f"{request.binary}: no such file", hint="check --benchmark-binary"
                )
            return request.binary
        abi = next(iter(facts.program_abis), "unknown")
        with self._lock:
            if facts.virtual:
                from bench.handset.benchmark_tool import build_tool

                return build_tool(abi=abi)
            accept = request.accept_new and abi not in self._accepted
            self._accepted.add(abi)
            return fetch_tool(
                abi,
                program=request.program or Program.INTERPRETER,
                version=request.version,
                accept_new=accept,
                api_level=facts.sdk,
            )


def stage_tool(
    phone: Phone, binary: Path, elf: Elf | None = None, *, api_level: int | None = None
) -> Tool:
    """Stages the tool; returns it with its path on the phone and the flags that it knows there.

    Args:
        elf: the facts of the file; ``None`` for a script.
        api_level: of the phone's Android.

    Raises:
        ConfigurationError: it is not a benchmark tool, or does not start there.
        DeviceError: the phone has no room.
        TransientDeviceError: the phone was lost.
    """
    sha256 = sha256_file(binary)
    path = stage(phone, {sha256: binary})[sha256]
    make_executable(phone, path)
    usage = phone.shell(f"{shlex.quote(str(path))} --help", limit_s=_PROBE_LIMIT_S)
    if usage.timed_out:
        raise ConfigurationError(
            f"{binary}: its --help did not end within {_PROBE_LIMIT_S:g} s on {phone.serial}",
            hint=f"run it by hand: adb -s {phone.serial} shell {path} --help",
            serial=phone.serial,
        )
    text = raw_text(usage.stdout) + "\n" + raw_text(usage.stderr)
    flags = known_flags(text)
    if not flags:
        last = [line for line in text.splitlines() if line.strip()][-3:]
        raise ConfigurationError(
            f"{binary}: its --help lists no benchmark flags on {phone.serial} (exit status "
            f"{usage.exit_status}): {' / '.join(last) or 'no output'}" + _built_for(elf, api_level),
            hint="give TFLite's benchmark_model for this phone: --benchmark-binary PATH",
            serial=phone.serial,
            exit_status=usage.exit_status,
            last_lines=last,
        )
    return Tool(sha256=sha256, binary=path, known_flags=flags)


def _built_for(elf: Elf | None, api_level: int | None) -> str:
    """Returns the likely reason why a tool does not start, if it is for a later Android."""
    built_for = elf.api_level if elf else None
    if built_for is None or api_level is None or built_for <= api_level:
        return ""
    return f"; it is built for Android's API {built_for} and later, and the phone has {api_level}"


def make_executable(phone: Phone, there: PurePath) -> None:
    """Makes a file executable: a copy through Windows or a zip loses that bit.

    Raises:
        DeviceError: the phone refuses it.
        TransientDeviceError: the phone was lost.
    """
    phone.ask(f"chmod 755 {shlex.quote(str(there))}")
