import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from support.phone_wire import wire

from bench.handset import running as handsets
from bench.handset.running import Running
from bench.handset.tree import default_cache

pytestmark = pytest.mark.handset


@pytest.fixture
def own_cache(handset: Running, tmp_path: Path) -> Iterator[Path]:
    """Returns a cache of the verb's own that borrows the tree; its handsets are stopped."""
    assert handset.is_alive()  # where none can boot, these tests are skipped with it
    cache = tmp_path / "cache" / "handset"
    cache.mkdir(parents=True)
    for path in default_cache().glob("tree-*"):
        (cache / path.name).symlink_to(path)
    yield cache
    for each in handsets.running(cache):
        each.stop()


def verb(cache: Path, *words: str, under: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*under, sys.executable, "-P", "-m", "bench", "handset", *words],
        env={**os.environ, "FRILL_BENCH_CACHE": str(cache.parent)},
        capture_output=True,
        text=True,
    )


def test_a_handset_outlives_the_command_and_is_listed_and_stopped_by_others(
    own_cache: Path, tmp_path: Path
) -> None:
    replayed = tmp_path / "phone"
    (replayed / "commands").mkdir(parents=True)
    texts = "[ro.product.model]: [Eight]\n[ro.product.name]: [eight]\n"
    (replayed / "commands" / "getprop.txt").write_text(texts)
    up = verb(
        own_cache, "up", "--property", "ro.product.model=Nine", "--data-mb", "8",
        "--replay", str(replayed),
    )  # fmt: skip
    assert up.returncode == 0, up.stderr
    serial = up.stdout.strip()
    with wire(serial) as adb:
        assert adb.said("getprop ro.product.model; getprop ro.product.name") == "Nine\neight"
        assert adb.said("df -k /data | tail -n 1").split()[1] == "8192"
    listed = json.loads(verb(own_cache, "list", "--json").stdout)
    (told,) = listed["handsets"]
    assert (listed["schema_version"], told["serial"], told["name"]) == (1, serial, "handset1")
    assert told["replay"] == str(replayed)
    assert serial in verb(own_cache, "list").stdout
    (phone,) = handsets.running(own_cache)
    down = verb(own_cache, "down", "handset1")
    assert (down.returncode, down.stderr) == (0, "handset1 is stopped\n")
    assert not phone.is_alive()
    assert json.loads(verb(own_cache, "list", "--json").stdout)["handsets"] == []


def test_down_all_stops_all_and_a_wrong_name_is_usage(own_cache: Path) -> None:
    for _ in range(2):
        assert verb(own_cache, "up").returncode == 0
    wrong = verb(own_cache, "down", "handset9")
    assert wrong.returncode == 2
    assert "did you mean 'handset" in wrong.stderr
    assert verb(own_cache, "down").returncode == 2
    stopped = json.loads(verb(own_cache, "down", "--all", "--json").stdout)["stopped"]
    assert stopped == ["handset1", "handset2"]
    assert handsets.running(own_cache) == []


def test_wrong_options_are_usage_and_boot_nothing(own_cache: Path) -> None:
    for words in (
        ["--property", "nothing"], ["--address", "192.0.2.1"], ["--data-mb", "0"],
        ["--replay", "nowhere"],
    ):  # fmt: skip
        done = verb(own_cache, "up", *words)
        assert done.returncode == 2, done.stderr
    assert handsets.running(own_cache) == []


def test_without_root_it_boots_with_a_shell_of_roots_and_is_stopped_like_any_other(
    own_cache: Path,
) -> None:
    unprivileged = ["unshare", "--user", "--map-root-user"]
    if subprocess.run([*unprivileged, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine refuses user namespaces")
    up = verb(own_cache, "up", under=unprivileged)
    assert up.returncode == 0, up.stderr
    with wire(up.stdout.strip()) as adb:
        assert adb.said("id -u; echo mine > /data/local/tmp/x; cat /data/local/tmp/x") == "0\nmine"
        assert adb.shell("touch /system/x").status != 0
    (phone,) = handsets.running(own_cache)
    phone.stop()
    assert not phone.is_alive()
