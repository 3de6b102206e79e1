import base64
import stat
from pathlib import Path

import pytest

from bench.adb.transport.keys import Key, load_keys, make_key
from bench.core.errors import ConfigurationError


def test_a_missing_key_is_made_for_its_owner_only(tmp_path: Path) -> None:
    keys = load_keys({"HOME": str(tmp_path)})
    path = tmp_path / ".android" / "adbkey"
    assert [key.path for key in keys] == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    public, _, owner = (tmp_path / ".android" / "adbkey.pub").read_text().partition(" ")
    assert len(base64.b64decode(public)) == 524
    assert "@" in owner
    before = path.read_bytes()
    load_keys({"HOME": str(tmp_path)})
    assert path.read_bytes() == before
    assert sorted(each.name for each in path.parent.iterdir()) == ["adbkey", "adbkey.pub"]


def test_vendor_keys_are_files_and_folders(tmp_path: Path) -> None:
    for name in ("lab.adb_key", "lab2.adb_key", "ignored", "single"):
        make_key(tmp_path / "vendor" / name)
    vendor = tmp_path / "vendor"
    environ = {"HOME": str(tmp_path), "ADB_VENDOR_KEYS": f"{vendor}:{vendor / 'single'}"}
    names = [key.path.name for key in load_keys(environ)]
    assert names == ["adbkey", "lab.adb_key", "lab2.adb_key", "single"]


def test_a_file_that_holds_no_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("junk")
    with pytest.raises(ConfigurationError, match="junk"):
        Key(tmp_path / "junk")
    with pytest.raises(ConfigurationError, match="nothing"):
        Key(tmp_path / "nothing")
