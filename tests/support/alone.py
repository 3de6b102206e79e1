"""Keeps what this machine has out of a test that runs verbs in its own process."""

from pathlib import Path

import pytest


def keep_apart(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Keeps this machine's adb server, keys, state and device profiles out of a test."""
    for name in ("ADB_SERVER_SOCKET", "ANDROID_SERIAL", "ADB_VENDOR_KEYS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "1")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("FRILL_BENCH_STATE", str(folder / "state"))
    monkeypatch.setenv("FRILL_BENCH_PROFILES", str(folder / "profiles"))
