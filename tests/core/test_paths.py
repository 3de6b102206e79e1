from pathlib import Path

import pytest

from bench.core.paths import cache_dir, state_dir


def test_state_and_cache_are_where_the_user_says_else_where_the_system_keeps_such(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("FRILL_BENCH_STATE", "FRILL_BENCH_CACHE", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_dir() == tmp_path / ".local" / "state" / "frill-bench"
    assert cache_dir() == tmp_path / ".cache" / "frill-bench"
    monkeypatch.setenv("XDG_STATE_HOME", "/xdg")
    assert state_dir() == Path("/xdg/frill-bench")
    monkeypatch.setenv("FRILL_BENCH_STATE", "~/own")
    assert state_dir() == tmp_path / "own"
