"""Checks of this machine, each with its next step."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from bench.adb.transport import keys
from bench.adb.transport.server import AdbServer
from bench.core.errors import ConfigurationError, DeviceError


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"  # needs no action
    WARNING = "warning"  # gives measurements a caveat
    PROBLEM = "problem"  # prevents measuring


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check.

    Args:
        found: the result, in words with units.
        next_step: what to do about it; empty if nothing.
    """

    check: str
    level: Level
    found: str
    next_step: str = ""


def finding(level: Level, check: str, found: str, next_step: str = "") -> Finding:
    """Returns a finding of one level."""
    return Finding(check=check, level=level, found=found, next_step=next_step)


ok, note, warning, problem = (partial(finding, level) for level in Level)
_ADB_LIMIT_S = 10.0
_GROUP_AND_OTHERS = 0o077
# Modules of each extra of setup.cfg; only their presence is checked, because imports take seconds.
_EXTRAS = {
    "host": ("ai_edge_litert",),
    "score": ("ai_edge_litert", "sklearn", "soundfile", "soxr"),
    "zoo": ("ai_edge_litert", "litert_quantizer", "tensorflow"),
    "usb": ("usb1",),
}


def examine_machine(environ: Mapping[str, str] = os.environ) -> tuple[Finding, ...]:
    """Returns the checks of this machine. Nothing is started or changed."""
    return (_extras(), *_server(environ), _programs(environ), *_keys(environ), _usb())


def _extras() -> Finding:
    missing = {
        extra: [name for name in names if importlib.util.find_spec(name) is None]
        for extra, names in _EXTRAS.items()
    }
    absent = {extra: names for extra, names in missing.items() if names}
    installed = ", ".join(extra for extra in _EXTRAS if extra not in absent) or "none"
    if not absent:
        return ok("extras", installed)
    lacking = "; ".join(f"{extra} lacks {', '.join(names)}" for extra, names in absent.items())
    return note(
        "extras",
        f"{installed}; {lacking}",
        f"only if you need them: pip install -e '.[{','.join(absent)}]'",
    )


def _server(environ: Mapping[str, str]) -> Iterator[Finding]:
    try:
        server = AdbServer(environ)
        version = server.version()
    except (ConfigurationError, DeviceError) as error:
        yield problem("adb server", error.message, error.hint)
        return
    if version is None:
        yield note(
            "adb server",
            f"none runs at {server.name}; phones are reached over USB or host:port directly",
        )
        yield note(
            "wireless",
            "phones paired for wireless debugging are reached through an adb server only",
            "for such a phone: adb pair, adb connect",
        )
        return
    yield ok("adb server", f"version {version} runs at {server.name}")
    yield ok("wireless", "paired phones are reached through that server")


def _programs(environ: Mapping[str, str]) -> Finding:
    """Returns whether the adb programs of this machine would stop each other's server."""
    versions_of = {path: _version(path) for path in _adb_paths(environ)}
    try:
        running = AdbServer(environ).version()
    except (ConfigurationError, DeviceError):
        running = None
    programs = "; ".join(
        f"{path} ({version or 'version unknown'})" for path, version in versions_of.items()
    )
    versions = {version for version in (*versions_of.values(), running) if version is not None}
    if len(versions) > 1:
        server = f"; the server that runs: {running}" if running else ""
        return warning(
            "adb programs",
            f"their versions differ: {programs}{server}. Each stops the server of another "
            "version when it starts, and all phones are disconnected for a moment",
            "keep one adb on PATH, and do not run the others while measuring",
        )
    if not versions_of:
        return note("adb programs", "no adb on PATH; USB and host:port do not need it")
    return ok("adb programs", programs)


def _adb_paths(environ: Mapping[str, str]) -> list[Path]:
    folders = environ.get("PATH", "").split(os.pathsep)
    for sdk in ("ANDROID_HOME", "ANDROID_SDK_ROOT"):
        if environ.get(sdk):
            folders.append(str(Path(environ[sdk]) / "platform-tools"))
    paths = [shutil.which("adb", path=folder) for folder in folders if folder]
    return list(dict.fromkeys(Path(each).resolve() for each in paths if each))


def _version(adb: Path) -> int | None:
    """Returns the last number of ``1.0.41``; asking for it starts no server."""
    try:
        process = subprocess.run(
            [str(adb), "version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ADB_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"Android Debug Bridge version \d+\.\d+\.(\d+)", process.stdout)
    return int(match[1]) if match else None


def _keys(environ: Mapping[str, str]) -> tuple[Finding, ...]:
    path = keys.default_path(environ)
    if not path.exists():
        return (
            note("key", f"{path} does not exist; it is made when a phone first asks for a key"),
        )
    try:
        return tuple(_key(each.path) for each in keys.load_keys(environ))
    except ConfigurationError as error:
        return (problem("key", error.message, error.hint),)


def _key(path: Path) -> Finding:
    if path.stat().st_mode & _GROUP_AND_OTHERS:
        return warning(
            "key",
            f"other users can read {path}, and control your phones with it",
            f"chmod 600 {path}",
        )
    return ok("key", str(path))


def _usb() -> Finding:
    try:
        from bench.adb.transport.usb import usb_ports

        ports = usb_ports()
    except ImportError:
        return note(
            "USB",
            "libusb1 is not installed; phones on a cable need an adb server",
            "for USB without a server: pip install -e '.[usb]'",
        )
    except (OSError, ConfigurationError) as error:
        return warning(
            "USB",
            f"libusb does not work: {error}",
            "until that works, phones on a cable need an adb server",
        )
    return ok("USB", f"libusb works; phones connected: {len(ports)}")
