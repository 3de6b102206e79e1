"""A snapshot as a folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.core.errors import ConfigurationError
from bench.snapshot.commands import SETTINGS, settings_of
from bench.snapshot.identifiers import hashed
from bench.snapshot.layout import MAX_BYTES, Snapshot, differences

SNAPSHOT = Snapshot(
    commands={"getprop": "[ro.product.model]: [Pixel]\n", "getconf-page-size": "not found\r\n"},
    files={
        "/sys/bus/iio/devices/iio:device0/name": "odpm\n",
        "/sys/devices/system/cpu/present": "0-7\n",
    },
    exit_status={"getconf-page-size": 127},
    refused={"/sys/class/thermal": "Permission denied"},
    features=("shell_v2",),
    program="1.0",
    date="2026-11-29",
)


def test_what_is_saved_is_loaded_byte_for_byte(tmp_path: Path) -> None:
    SNAPSHOT.save(tmp_path / "phone", about="# A phone\n")
    loaded = Snapshot.load(tmp_path / "phone")
    assert loaded == SNAPSHOT
    assert (loaded.features, loaded.date) == (("shell_v2",), "2026-11-29")
    assert differences(SNAPSHOT, loaded) == ()


def test_a_folder_of_one_file_is_a_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "files/sys/devices/system/cpu/online"
    path.parent.mkdir(parents=True)
    path.write_text("0-3\n")
    loaded = Snapshot.load(tmp_path)
    assert loaded.files == {"/sys/devices/system/cpu/online": "0-3\n"}
    assert differences(loaded, SNAPSHOT, given=True) == (
        "files/sys/devices/system/cpu/online: missing",
    )


def write(place: str, content: str) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(content.encode("latin-1"))

    return act


def link(place: str, target: str) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).symlink_to(target)

    return act


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (write("commands/getprops.txt", ""), "getprops.txt: is not the output"),
        (write("commands/getprops.txt", ""), "did you mean 'getprop'?"),
        (write("commands/getprop", ""), "commands/getprop: is not the output"),
        (write("command/getprop.txt", ""), "did you mean 'commands'?"),
        (write("files", ""), "files: is not part of a snapshot"),
        (write("files/data/secret", ""), "would be /data/secret on the phone"),
        (write("files/sys/of_node", "\0\1"), "of_node: is not a text"),
        (write("files/sys/latin", "\xe9"), "latin: is not a text"),
        (write("files/sys/long", "x" * (MAX_BYTES + 1)), "long: has 1000001 bytes"),
        (link("files/sys/passwd", "/etc/passwd"), "passwd: is a link out of the snapshot"),
        (link("files/sys/class", "/sys/class"), "class: is a link to a folder"),
        (link("files/sys/gone", "nowhere"), "gone: cannot be read"),
        (write("snapshot.yaml", "exit_states: {}"), "did you mean 'exit_status'?"),
        (write("snapshot.yaml", "a: [b"), "snapshot.yaml: cannot be read"),
        (write("snapshot.yaml", "format: 2"), "format is 2, and this program reads 1"),
        (write("snapshot.yaml", "exit_status: {getprop: 1}"), "exit_status.getprop"),
        (write("snapshot.yaml", "exit_status: {commands/id.txt: 300}"), "must be 1 to 255"),
        (write("snapshot.yaml", "refused: {/data: denied}"), "refused./data: is not a path"),
        (write("snapshot.yaml", "slow_s: {setting: 1.0}"), "did you mean 'settings'?"),
        (write("snapshot.yaml", "slow_s: {input: 0.0}"), "must be above 0 and at most 60"),
    ],
)
def test_what_is_wrong_in_a_folder_is_named(
    tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    damage(tmp_path)
    with pytest.raises(ConfigurationError) as refused:
        Snapshot.load(tmp_path)
    assert words in refused.value.message
    assert str(tmp_path) in refused.value.message


def test_a_folder_that_is_too_large_in_all_is_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(f"files/sys/{name}", "x" * (MAX_BYTES // 2 + 1))(tmp_path)
    with pytest.raises(ConfigurationError, match="1000002 bytes"):
        Snapshot.load(tmp_path)


def test_a_difference_is_told_with_its_place() -> None:
    other = Snapshot(
        commands={"getprop": "[ro.product.model]: [Pixel 2]\n"},
        files=SNAPSHOT.files,
        refused={},
    )
    assert differences(SNAPSHOT, other) == (
        "commands/getconf-page-size.txt: missing",
        "commands/getprop.txt: line 1 was '[ro.product.model]: [Pixel]', "
        "and is '[ro.product.model]: [Pixel 2]'",
        "commands/getconf-page-size.txt: exit status 127, then 0",
        "/sys/class/thermal: was refused, and is readable",
    )


def test_a_program_that_neither_phone_has_is_equal_in_the_words_of_both_shells() -> None:
    words = "/system/bin/sh: settaskprofile: not found", "E: /bin/sh: settaskprofile: not found"
    one, other = (
        Snapshot(commands={"settaskprofile": text}, exit_status={"settaskprofile": 127})
        for text in words
    )
    assert differences(one, other) == ()


def test_settings_are_read_with_what_a_phone_prints_instead_of_them() -> None:
    text = "global/low_power=0\nsystem/screen_brightness=Exception\n\tat android.os=1\n"
    assert settings_of(text) == {
        "global/low_power": "0",
        "system/screen_brightness": "Exception\n\tat android.os=1",
    }
    assert "global/low_power" in SETTINGS


def test_hashing_a_hash_gives_itself() -> None:
    once = hashed("R58N12ABCDE")
    assert once.startswith("hashed-") and len(once) == len("hashed-") + 8
    assert hashed(once) == once != hashed("R58N12ABCDF")
