"""The phones of the gallery: their folders, and what the program does with a sample of them."""

import re
from importlib import resources
from pathlib import Path

import pytest
from support.gallery import EXPECTED
from support.gallery_runs import examined, ran, settings_of
from support.gate_phone import drawn_tool
from support.phone_sweeps import TINY, stand_in
from support.program import command_line
from support.reach import Boot

from bench.snapshot.identifiers import hashed
from bench.snapshot.layout import Snapshot

GALLERY = Path(str(resources.files("bench.handset") / "gallery"))
LARGEST_BYTES = 400_000
SAMPLE = ("android8-pixel1", "pixel-tensor", "xiaomi-locked-settings")  # all are in the evidence
GATED = "pixel-tensor"
# Of hardware, networks, accounts; `settings` and others have none.
PERSONAL = re.compile(
    r"\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b|\b\d{15}\b|[\w.]+@[\w.]+\.\w+|ssid|\b\d+\.\d+\.\d+\.\d+\b",
    re.IGNORECASE,
)
SERIALS = re.compile(r"^\[ro\.(?:boot\.)?serialno\]: \[(.*)\]$", re.MULTILINE)
SHARED_SERIAL = "0123456789ABCDEF"  # of many cheap phones


def test_the_gallery_has_the_phones_that_are_expected_and_is_small() -> None:
    names = {folder.name for folder in GALLERY.iterdir()}
    assert names == set(EXPECTED)
    assert sum(path.stat().st_size for path in GALLERY.rglob("*")) < LARGEST_BYTES


@pytest.mark.parametrize("name", EXPECTED)
def test_a_phone_is_a_snapshot_with_its_sources_and_nothing_personal(name: str) -> None:
    snapshot = Snapshot.load(GALLERY / name)
    assert snapshot.like
    about = (GALLERY / name / "SNAPSHOT.md").read_text()
    assert about.startswith("# ") and "| what | from |" in about and "Made up: " in about
    assert {"getprop", "dumpsys-battery", "settings"} <= set(snapshot.commands)
    for text in (*snapshot.commands.values(), *snapshot.files.values()):
        assert not PERSONAL.search(text), PERSONAL.search(text)
    for serial in SERIALS.findall(snapshot.commands["getprop"]):
        assert serial == hashed(serial) or serial == SHARED_SERIAL


@pytest.mark.parametrize("name", SAMPLE)
def test_a_phone_is_seen_as_it_is_measured_gated_and_left_as_it_was(
    name: str, boot_phone: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRILL_BENCH_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", "1")
    phone, expected = boot_phone(replay=name), EXPECTED[name]
    before = settings_of(phone)
    command_line("devices", "-s", phone.serial, status=0)
    seen = examined(phone.serial).seen
    assert expected.heat in seen.heat
    assert seen.shown == expected.shown
    done = ran(phone.serial, stand_in(tmp_path), tmp_path / "db")
    assert done.refused == expected.refused, done.words
    assert (done.code == 0) == expected.measured, done.words
    if name == GATED:
        gate_tool = drawn_tool(tmp_path / "drawn", slowdowns={})
        gate = ("gate", "--baseline", TINY, "--candidate", TINY, "--max-minutes=0.02")
        where = ("-s", phone.serial, "--db", tmp_path / "db")
        command_line(*gate, *where, "--benchmark-binary", gate_tool, status=0)
    assert settings_of(phone) == before
