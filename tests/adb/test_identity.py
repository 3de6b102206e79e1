"""Phones that share a serial, and phones that change their way or their build."""

import json
from pathlib import Path

import pytest
from support.answers import Answering

from bench.adb.state.identity import file_of, own_key, own_serial
from bench.adb.state.settings import restore_settings

SHARED = "0123456789ABCDEF"


def phone(
    serial: str = SHARED, model: str = "K1", fingerprint: str = "alps/a/b:10/X/1"
) -> Answering:
    return Answering(
        {
            "ro_serialno": serial,
            "ro_boot_serialno": serial,
            "ro_product_manufacturer": "alps",
            "ro_product_model": model,
            "ro_build_fingerprint": fingerprint,
            "stay_awake": "7",
        }
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (phone(), phone(), True),
        (phone(), phone(fingerprint="alps/a/b:11/Y/2:user/release-keys"), True),  # an update
        (phone(), phone(fingerprint="alps/c/d:10/X/1"), False),
        (phone(), phone(model="K2"), False),
        (phone(), phone(serial="R58N"), False),
    ],
)
def test_a_phone_keeps_its_key_and_shares_it_with_no_clone(
    one: Answering, other: Answering, same: bool
) -> None:
    assert (own_key(one) == own_key(other)) is same
    assert own_key(one).startswith(f"{SHARED}-")


def test_a_phone_that_hides_its_serial_has_that_of_adb() -> None:
    assert own_serial(phone(serial="unknown")) == own_serial(phone(serial="\n")) == "R58N"
    assert own_serial(phone(serial="two words")) == "two words"


def test_the_settings_of_a_clone_are_never_put_on_another_phone(tmp_path: Path) -> None:
    kept = file_of(tmp_path, own_key(phone()))
    kept.write_text(json.dumps({"serial": own_key(phone()), "found": {"stay-awake": "3"}}))
    assert restore_settings(phone(model="K2"), folder=tmp_path) == ""
    assert kept.exists()
    assert "stay-awake" in restore_settings(phone(), folder=tmp_path)


def test_what_an_earlier_version_remembered_is_still_restored(tmp_path: Path) -> None:
    earlier = tmp_path / f"{SHARED}.json"
    earlier.write_text(json.dumps({"serial": SHARED, "found": {"stay-awake": "3"}}))
    assert "stay-awake" in restore_settings(phone(), folder=tmp_path)
    assert not earlier.exists()
    spaced = file_of(tmp_path, "adb-X (2)._adb-tls-connect._tcp-0a1b2c3d")
    assert spaced.name == "adb-X__2_._adb-tls-connect._tcp-0a1b2c3d.json"
