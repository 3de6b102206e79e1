"""Verbs that are killed and given again; ``make evidence`` kills each twenty times."""

from dataclasses import replace
from pathlib import Path

from support.damaged_stores import write_store
from support.kills import gate_victim, kill_and_repeat, report_victim


def test_a_killed_gate_continues_with_what_it_stored(tmp_path: Path) -> None:
    victim = replace(gate_victim(minutes=0.02), total=4)
    killed = kill_and_repeat(victim, tmp_path / "gate", 0.3)
    assert killed.progress > 0


def test_a_killed_report_leaves_whole_files(tmp_path: Path) -> None:
    write_store(tmp_path / "stored.db", processes=2)
    victim = replace(report_victim(tmp_path / "stored.db"), total=9)
    killed = kill_and_repeat(victim, tmp_path / "report", 0.5)
    assert killed.progress > 0
