from collections.abc import Callable
from pathlib import Path

import pytest

from bench.core.paths import cache_dir, device_profiles_dir, state_dir

FOLDERS = {
    cache_dir: ("FRILL_BENCH_CACHE", "XDG_CACHE_HOME", ".cache", "frill-bench"),
    state_dir: ("FRILL_BENCH_STATE", "XDG_STATE_HOME", ".local/state", "frill-bench"),
    device_profiles_dir: (
        "FRILL_BENCH_PROFILES", "XDG_CONFIG_HOME", ".config", "frill-bench/device_profiles",
    ),
}  # fmt: skip


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.__name__)
def test_a_folder_is_where_the_user_says_else_where_linux_keeps_such(
    folder: Callable[[], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own, base, below_home, name = FOLDERS[folder]
    for variable in (own, base):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folder() == tmp_path / below_home / name
    assert not (tmp_path / below_home).exists()
    monkeypatch.setenv(base, "/xdg")
    assert folder() == Path("/xdg") / name
    monkeypatch.setenv(own, "~/own")
    assert folder() == tmp_path / "own"
