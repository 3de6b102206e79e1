"""Verbs killed at twenty seeded moments each, then given again; about ten minutes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.damaged_stores import write_store
from support.kills import (
    gate_victim,
    kill_and_repeat,
    report_victim,
    run_victim,
    score_victim,
    whole,
)
from support.program import command_line
from support.tables import write_table

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(3600)]

MODELS = Path(__file__).parents[1] / "data" / "audio_models"
KILLS = 20


def test_twenty_kills_of_each_verb_lose_nothing_and_repeat_nothing(
    tmp_path: Path, split_tones: Path
) -> None:
    zoo = tmp_path / "zoo"
    for name in ("patch", "waveform"):
        command_line("zoo", "add", MODELS / f"{name}.tflite", "--zoo", zoo, status=0)
    write_store(tmp_path / "stored.db", processes=6)
    victims = {
        "run": run_victim(processes=4),
        "gate": gate_victim(minutes=0.05),
        "score": score_victim(zoo, split_tones),
        "report": report_victim(tmp_path / "stored.db"),
    }
    rows = []
    for verb, victim in victims.items():
        folder = tmp_path / verb
        total, step_s = whole(victim, folder / "whole")
        if verb == "report":  # whose files are compared with those of the whole one
            victim.check(folder / "whole")(folder / "whole")
        victim = replace(victim, total=total, step_s=step_s)
        moments = np.random.default_rng(20).uniform(0, 1, KILLS)
        kills = []
        for number, moment in enumerate(moments):
            kill = kill_and_repeat(victim, folder / str(number), float(moment))
            kills.append(kill)
            rows.append(
                [f"`{verb}`", f"{moment:.0%}", f"{kill.progress} of {total}",
                 "yes" if kill.ended else "", str(kill.leftovers or "")]
            )  # fmt: skip
        assert sum(kill.ended for kill in kills) < KILLS / 4
        assert len({kill.progress for kill in kills}) > 2  # the moments really differed
    write_table(
        "kill",
        f"`kill -9` at {KILLS} seeded moments each of `run`, `gate`, `score` and `report`, then "
        "the same command again. Each time all that was stored was still there, nothing was there "
        "twice, each file was whole, and the second command ended well. Progress is of processes, "
        "of lines of the log, of scores and files in the cache, and of files (`make evidence`).",
        ["verb", "moment", "progress when killed", "had ended", "hidden files left behind"],
        rows,
    )
