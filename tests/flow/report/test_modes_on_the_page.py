"""Streaming and sustained runs of the official tool on a virtual handset, up to the page."""

import csv
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.patience import PATIENCE_S, wait_until
from support.program import command_line
from support.rails import COMPUTES_W, FakeMeter

from bench.flow.phone.drift_probe import (
    MODEL,  # the tests' tiny ones are too fast for the tool to tell
)
from bench.handset.running import Running
from bench.plan.case import Mode
from bench.store.store import Store
from models.zoo import Zoo

HOT = ("/sys/class/thermal/thermal_zone4/temp", "43500")


@pytest.fixture
def heated(handset: Running, tmp_path: Path) -> Iterator[threading.Thread]:
    """Yields what heats the phone once some slices of a sustained run are stored."""
    path, text = handset.path(HOT[0]), HOT[1]
    before = path.read_text()

    def heat() -> None:
        wait_until(lambda: slices(tmp_path / "p.db") >= 4)
        path.write_text(text)

    yield threading.Thread(target=heat, daemon=True)
    path.write_text(before)


def slices(database: Path) -> int:
    if not database.exists():
        return 0
    with Store.open(database) as store:
        modes = [each.case.protocol.mode for each in store.invocations()]
    return modes.count(Mode.SUSTAINED)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as stream:
        return list(csv.DictReader(stream))


def test_what_a_stream_costs_and_what_heat_did_stand_on_the_page_apart_from_the_frontier(
    handset: Running, official_binary: Path, heated: threading.Thread, tmp_path: Path
) -> None:
    zoo = Zoo(tmp_path / "zoo")
    zoo.root.mkdir()
    zoo.add(MODEL, name="p", hop_samples=320)
    (tmp_path / "suite.yaml").write_text(
        'name: modes\nmodels: ["*"]\ndelegates: [none]\n'
        "protocol: {processes: 2, warmup_min_secs: 0, max_secs: 5}\n"
    )
    heated.start()
    with FakeMeter(handset):
        done = command_line(
            "run", "suite.yaml", "-s", handset.serial, "--zoo", zoo.root, "--db", "p.db", "--json",
            "--streaming", "--sustained", "0.02", "--energy", "--no-conventional", "--no-check",
            "--keep-screen", "--benchmark-binary", official_binary, cwd=tmp_path, status=0,
        )  # fmt: skip
    heated.join(PATIENCE_S)
    (session,) = json.loads(done.stdout)["sessions"]
    cases = {each["protocol"]["mode"]: each for each in session["cases"]}
    assert set(cases) == {"back-to-back", "streaming", "sustained"}

    command_line("report", "--db", "p.db", "--out", "page", cwd=tmp_path, status=0)
    page = tmp_path / "page"
    (result,) = rows_of(page / "results.csv")
    assert float(result["latency_us_median"]) == cases["back-to-back"]["latency_us_median"]

    (stream,) = rows_of(page / "streaming.csv")
    told = cases["streaming"]
    assert float(stream["hop_s"]) == 0.02
    assert float(stream["latency_us_median"]) == told["latency_us_median"]
    assert float(stream["real_time_ratio"]) == pytest.approx(told["latency_us_median"] / 20_000)
    assert float(stream["back_to_back_us"]) == float(result["latency_us_median"])

    # The rails give the same power all the time, so none of it is the model's.
    assert float(stream["power_w"]) == pytest.approx(COMPUTES_W, rel=0.02)
    assert float(stream["idle_power_w"]) == pytest.approx(COMPUTES_W, rel=0.02)
    period_s = 0.02 + told["latency_us_median"] / 1e6
    truth_j = COMPUTES_W * period_s * 3600 / 0.02
    assert float(stream["energy_j_per_hour"]) == pytest.approx(truth_j, rel=0.02)
    assert abs(float(stream["energy_j_per_inference"])) < 0.02 * COMPUTES_W * period_s
    assert stream["energy_rails"].startswith("S2M_VDD_CPUCL2 (CPU(BIG));S3M_VDD_CPUCL1")
    assert "VSYS_PWR_DISPLAY" not in stream["energy_rails"]
    assert (stream["energy_meter"], stream["energy_plugged"]) == ("files", "usb")
    assert told["energy"]["per_hour_j"]["value"] == float(stream["energy_j_per_hour"])

    assert result["energy_j_per_hour"] == stream["energy_j_per_hour"]
    assert result["energy_rails"] == stream["energy_rails"]

    (endured,) = rows_of(page / "sustained.csv")
    assert endured["energy_gap"] == "its processes were too short for two readings of the meter"
    assert endured["slices"] == "12"
    assert float(endured["thermal_status_highest"]) == 2
    points = rows_of(page / "sustained-curve.csv")
    statuses = [float(each["thermal_status"]) for each in points]
    assert (statuses[0], statuses[-1]) == (0, 2)
    assert statuses == sorted(statuses)

    assert stream["frontend"] == "none needed"
    assert "few_processes" in stream["caveats"].split(";")
    for row in (stream, endured):
        assert handset.name in row["device"]
        assert row["runner"] == "benchmark_model"
        assert "virtual" in row["caveats"].split(";")
    html = (page / "index.html").read_text()
    assert "<h2>Streaming</h2>" in html
    assert "<h2>Sustained</h2>" in html
    assert "moderate" in html
