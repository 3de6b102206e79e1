"""Energy on rails of known power, by whole commands on a virtual handset; about five minutes."""

import csv
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from statistics import median

import pytest
from support.program import command_line
from support.rails import COMPUTES_W, FakeMeter
from support.tables import write_table

from bench.flow.phone.drift_probe import MODEL
from bench.handset.running import Running
from models.zoo import Zoo

pytestmark = [pytest.mark.evidence, pytest.mark.timeout(1200)]

ADDED_W = 0.5  # while a model runs
HOP_S = 0.02
BOUND = 0.02
MEAN = re.compile(r"avg=(\S+)")
SUITE = """
name: energy
models: ["*"]
delegates: [none]
protocol: {processes: %d, warmup_min_secs: 0, max_secs: 5}
"""


@contextmanager
def unplugged(handset: Running) -> Iterator[None]:
    """Lets a handset run on its battery."""
    usb = "/sys/class/power_supply/usb/online"
    handset.write(usb, "0\n")
    yield
    handset.write(usb, "1\n")


GAPS: dict[str, tuple[Callable[[Running], AbstractContextManager[object]], str]] = {
    "no rails, unplugged": (unplugged, "counter is of the whole phone"),
    "no rails, plugged in": (
        lambda _: nullcontext(),
        "plugged in (usb), the battery's counter is of no use",
    ),
    "the shell may not read, perfetto shows none": (
        lambda handset: FakeMeter(handset, readable=False, served=False),
        "adb's shell may not read its rails (Permission denied), and perfetto",
    ),
    "the counters stand still": (
        lambda handset: FakeMeter(handset, frozen=True),
        "the meter's counters did not move",
    ),
}


@pytest.fixture
def run(handset: Running, official_binary: Path, tmp_path: Path):  # type: ignore[no-untyped-def]  # a function
    """Returns what runs a suite with energy and gives the rows of both modes."""
    zoo = Zoo(tmp_path / "zoo")
    zoo.root.mkdir()
    zoo.add(MODEL, name="p", hop_samples=round(16_000 * HOP_S))

    def measured(name: str, *modes: str, processes: int = 6) -> dict[str, dict[str, str]]:
        (tmp_path / "suite.yaml").write_text(SUITE % processes)
        done = command_line(
            "run", "suite.yaml", "-s", handset.serial, "--zoo", zoo.root, "--db", f"{name}.db",
            "--json", "--energy", *modes, "--no-conventional", "--no-check", "--keep-screen",
            "--benchmark-binary", official_binary, cwd=tmp_path, status=0,
        )  # fmt: skip
        (session,) = json.loads(done.stdout)["sessions"]
        command_line("report", "--db", f"{name}.db", "--out", name, cwd=tmp_path, status=0)
        rows = {each["protocol"]["mode"]: each for each in session["cases"]}
        for mode in ("streaming", "sustained"):
            path = tmp_path / name / f"{mode}.csv"
            if path.exists():
                with path.open() as stream:
                    (rows[mode],) = csv.DictReader(stream)
        return rows

    return measured


def slice_means_s(database: Path) -> list[float]:
    """Returns the mean latency of each sustained process of a database, in seconds, as printed."""
    with closing(sqlite3.connect(database)) as rows:
        query = "SELECT stdout FROM invocation WHERE payload LIKE '%\"sustained\"%'"
        texts = [stdout for (stdout,) in rows.execute(query)]
    return [float(MEAN.findall(text)[-1]) / 1e6 for text in texts]


def test_energy_is_the_truth_within_two_percent_or_a_gap_with_its_reason(
    handset: Running,
    run: Callable[..., dict[str, dict[str, str]]],
    tmp_path: Path,
) -> None:
    rows: list[list[str]] = []

    def compare(way: str, what: str, truth: float, row: dict[str, str], name: str) -> None:
        value = float(row[name])
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        interval = f"{float(low):.4g} to {float(high):.4g}" if low else "none"
        rows.append(
            [way, what, f"{truth:.4g}", f"{value:.4g}", f"{value / truth - 1:+.2%}", interval]
        )
        assert abs(value / truth - 1) < BOUND, rows[-1]

    for way, readable in (("files", True), ("perfetto", False)):
        with FakeMeter(handset, readable=readable, added_w=ADDED_W):
            found = run(way, "--streaming", "--sustained", "1")
        stream, endured = found["streaming"], found["sustained"]
        assert (stream["energy_meter"], endured["energy_meter"]) == (way, way)
        period_s = HOP_S + float(stream["latency_us_median"]) / 1e6
        power_w = COMPUTES_W + ADDED_W
        per_hour = 3600 / HOP_S
        compare(
            way, "stream, J per hour", power_w * period_s * per_hour, stream, "energy_j_per_hour"
        )
        compare(
            way, "stream, J per inference", ADDED_W * period_s, stream, "energy_j_per_inference"
        )
        compare(
            way,
            "sustained, J per inference",
            power_w * median(slice_means_s(tmp_path / f"{way}.db")),
            endured,
            "energy_j_per_inference",
        )

    for name, (around, reason) in GAPS.items():
        with around(handset):
            row = run(name[:8], "--streaming", processes=1)["streaming"]
        assert reason in row["energy_gap"], row["energy_gap"]
        assert row["energy_j_per_hour"] == ""
        rows.append([name, row["energy_gap"], "-", "gap", "-", "-"])

    write_table(
        "energy",
        f"Energy on a virtual handset whose rails rise with known power: {COMPUTES_W} W of "
        f"processor and memory, {ADDED_W} W more while a model runs, and other rails that must not "
        "count; one file in a stream of a hop of 20 ms (six processes of five seconds) and "
        "sustained for a minute, by whole commands with the official tool (`make evidence`). For "
        "the sustained mode the truth takes the median of the slices' mean latencies, as printed.",
        ["meter read from", "what", "truth", "found", "error", "95 % interval"],
        rows,
    )
