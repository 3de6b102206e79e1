"""FRILL's own table on this machine and on a virtual handset: about half an hour."""

import csv
from datetime import date
from pathlib import Path

import pytest
from support.program import frill_bench
from support.tables import FOLDER

from bench.flow.paper import students
from bench.handset.running import Running

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(7200)]

_INTRO = (
    "FRILL's own table, made on {day} by `frill-bench paper --host -s HANDSET` (`make evidence`) "
    "on a virtual machine of two shared cores and on a virtual handset, which is no phone: its "
    "latencies show the machinery only. No physical phone has been measured. Where a line is "
    "marked `busy_machine`, other programs competed for the cores, and its interval is wide."
)


def test_frills_table_on_this_machine_and_on_a_handset(
    tmp_path: Path, handset: Running, official_binary: Path, audio_root: Path
) -> None:
    out = tmp_path / "paper"
    frill_bench("paper", "--host", "-s", handset.serial, "--out", out)
    with (out / "paper.csv").open() as stream:
        lines = list(csv.DictReader(stream))
    own = [each for each in lines if (each["source"], each["side"]) == ("measured", "student")]
    assert len({each["device"] for each in own}) == 2
    assert len(own) == 2 * 2 * len(students())  # devices and formats
    for line in own:
        assert line["times_as_fast_low"] and line["times_as_fast_high"]
        trained = "untrained" not in line["caveats"]
        assert bool(line["score_ratio"]) is trained
        assert line["paired"] == ("True" if trained else "")
        if line["alias"] == "frill" and line["format"] == "float32":
            assert float(line["size_ratio"]) == pytest.approx(0.411, abs=1e-3)
    title, _, rest = (out / "paper.md").read_text().partition("\n")
    intro = _INTRO.format(day=date.today())
    (FOLDER / "paper.md").write_text(f"{title}\n\n{intro}\n{rest}")
