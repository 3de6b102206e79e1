import os
import time
from pathlib import Path

from bench.handset.benchmark_tool import build_tool, remove_unused

DAY_S = 24 * 3600.0


def test_tools_that_nobody_asked_for_in_a_month_go_when_another_is_made(tmp_path: Path) -> None:
    for name, days in (("tool-a", 0), ("tool-b", 29), ("tool-c", 31), ("tree-d", 400)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "benchmark_model").touch()
        then_s = time.time() - days * DAY_S
        os.utime(tmp_path / name, (then_s, then_s))
    remove_unused(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"tool-a", "tool-b", "tree-d"}


def test_asking_for_a_tool_keeps_it(official_binary: Path) -> None:
    folder = official_binary.parent
    then_s = time.time() - 40 * DAY_S
    os.utime(folder, (then_s, then_s))
    assert build_tool() == official_binary
    assert folder.stat().st_mtime > then_s + DAY_S
