"""Files of a phone as lines, in folders that are written by hand."""

from pathlib import Path

import pytest

from bench.core.errors import ConfigurationError
from bench.snapshot.layout import Snapshot

RAILS = "/sys/bus/iio/devices/iio:device0/enabled_rails"


def loaded(folder: Path, listing: str) -> Snapshot:
    (folder / "files.txt").write_text(listing)
    return Snapshot.load(folder)


def test_lines_are_the_same_as_files(tmp_path: Path) -> None:
    listing = f"{RAILS}:CH0[VSYS]:WiFi/BT\n{RAILS}:CH1[S2M]:CPU\n/proc/loadavg:0.1 0.2 0.3 1/9 7\n"
    snapshot = loaded(tmp_path, f"{listing}/sys/kernel/empty:\n")
    assert snapshot.files == {
        RAILS: "CH0[VSYS]:WiFi/BT\nCH1[S2M]:CPU\n",
        "/proc/loadavg": "0.1 0.2 0.3 1/9 7\n",
        "/sys/kernel/empty": "\n",
    }
    snapshot.save(tmp_path / "saved", about="")
    assert Snapshot.load(tmp_path / "saved") == snapshot


@pytest.mark.parametrize(
    ("listing", "words"),
    [
        ("/proc/loadavg:1\nno path", "files.txt: line 2: has no path: 'no path'"),
        ("\n", "line 1: has no path"),
        ("sys/class/a:1\n", "line 1: has no path"),
        ("/data/local/tmp:1\n", "files.txt: would be /data/local/tmp on the phone"),
        ("/sys/../data/x:1\n", "would be /sys/../data/x"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, listing: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        loaded(tmp_path, listing)
    assert words in refused.value.message
