import csv
import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.mode_rows import endured, stream
from support.report_rows import changed, rows, tasks, unmeasured

from reports.page import page
from reports.parts import modes
from reports.parts.table import Footnotes
from reports.plots import charts, drawing
from reports.plots.themes import STYLES
from reports.rows.schema import Endurance, Power, Row, Stream

FOUND = rows()
RESULTS = FOUND[:8:4]  # of one format, which draws two pictures
HOT = [endured(row, slower=0.2 + 0.1 * n) for n, row in enumerate(FOUND[4:8])]
COOL = [endured(FOUND[0], from_s=None, hidden=True)]


FAMILIES = charts.families_of(row.file.family for row in FOUND)


def write(
    out: Path,
    found: Sequence[Row],
    streams: Sequence[Stream] = (),
    endurances: Sequence[Endurance] = (),
) -> str:
    path = page.write_report(
        found,
        tasks(list(found)),
        out=out,
        title="Modes",
        subtitle="a test",
        provenance={"seed": "7"},
        notes=[],
        streams=streams,
        endurances=endurances,
    )
    return path.read_text(encoding="utf-8")


def section(html: str, title: str) -> str:
    (found,) = re.findall(rf"<section[^>]*>\s*<h2>{title}</h2>.*?</section>", html, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>|data:[^\"]+", " ", found).split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("modes")
    write(out, RESULTS, [stream(row) for row in FOUND[:8]], [*HOT, *COOL])
    return out


def test_sections_appear_only_where_such_rows_exist(tmp_path: Path) -> None:
    results = [unmeasured(FOUND[0])]  # which draws nothing
    html = write(tmp_path / "without", results)
    assert "<h2>Streaming</h2>" not in html
    assert "<h2>Sustained</h2>" not in html
    html = write(tmp_path / "with", results, [stream(FOUND[0])])
    assert "<h2>Streaming</h2>" in html
    assert "<h2>Sustained</h2>" not in html
    assert not (tmp_path / "with" / "sustained.csv").exists()


def test_streams_of_two_hops_differ_in_the_column_of_the_hop_alone() -> None:
    one, other = (
        changed(FOUND[0], protocol=f"mode=streaming, run_delay_s={hop_s}") for hop_s in (0.17, 0.96)
    )
    found = [dataclasses.replace(stream(one), hop_s=0.17), stream(other)]
    (section,) = modes.streaming(found, FAMILIES, Footnotes())
    names = [heading.name for heading in section.table.headings]
    assert "hop (s)" in names
    assert "protocol" not in names


def test_the_cost_of_a_stream_stands_with_its_interval_and_where_it_comes_from(
    folder: Path,
) -> None:
    text = section((folder / "index.html").read_text(), "Streaming")
    # tiny float32: 1.6 * (76 + 225) us over 0.96 s, and 1.6 * 76 us alone.
    assert "0.0502 0.0487–0.0527" in text
    assert "122 118–128" in text
    assert "1.60×" in text
    assert "In all rows: device this machine" in text
    assert "session 2026-05-12-a" in text
    assert "so not on the frontier" in text


def test_a_curve_says_when_it_was_throttled_and_where_it_ended(folder: Path) -> None:
    html = (folder / "index.html").read_text()
    text = section(html, "Sustained")
    assert text.count("moderate") == 4
    assert text.count("never") == 1
    assert "the device does not show it" in html  # heat and clocks of the fifth
    assert "1.20×" in text
    assert "60 slices" in text


def test_results_and_frontier_are_the_same_with_and_without_the_modes(
    folder: Path, tmp_path: Path
) -> None:
    write(tmp_path, RESULTS)
    for name in ("results.csv", "results.md", "accuracy-latency.svg"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_pictures_come_in_light_and_dark_with_their_numbers(folder: Path) -> None:
    for name in ("streaming-real-time", "sustained-curve"):
        for suffix in (".svg", ".png", ".dark.svg", ".dark.png", ".csv"):
            assert (folder / f"{name}{suffix}").is_file(), f"{name}{suffix}"
    with (folder / "sustained-curve.csv").open() as stream:
        points = list(csv.DictReader(stream))
    assert len(points) == 5 * 60
    assert float(points[0]["latency_ratio"]) == 1


def test_each_place_has_a_picture_of_its_own(tmp_path: Path) -> None:
    phone = changed(FOUND[1], device="Pixel 6", runner="benchmark_model")
    html = write(tmp_path, [], [stream(FOUND[0]), stream(phone)])
    assert html.count("<h2>Streaming</h2>") == 2
    assert "Pixel 6, benchmark_model" in html
    assert (tmp_path / "streaming-real-time-2.svg").is_file()


def test_the_limit_of_real_time_is_drawn_only_where_it_is_near() -> None:
    far = [stream(row) for row in FOUND[:4]]
    near = [stream(row, idle_ratio=400) for row in FOUND[:4]]
    (place,) = modes.streaming(far, FAMILIES, Footnotes())
    assert place.charts[0].limit is None
    (place,) = modes.streaming(near, FAMILIES, Footnotes())
    assert place.charts[0].limit == 100


@pytest.mark.parametrize("style", STYLES)
def test_one_curve_and_twenty_can_be_drawn(style: str) -> None:
    for found in ([endured(FOUND[0], slices=1)], [endured(row) for row in FOUND[:20]]):
        (place,) = modes.sustained(found, FAMILIES, Footnotes())
        assert len(drawing.draw(place.charts[0], STYLES[style]).axes[0].lines) >= len(found)


USED = Power(
    energy_j_per_inference=0.0042,
    energy_j_per_inference_low=0.0041,
    energy_j_per_inference_high=0.0044,
    energy_j_per_hour=15.75,
    power_w=1.75,
    energy_rails="S2M_VDD_CPUCL2 (CPU(BIG));S1M_VDD_MIF (MIF)",
    energy_meter="perfetto",
    energy_plugged="usb",
)


def test_energy_has_columns_where_it_was_asked_for_with_its_rails_or_the_reason_of_a_gap() -> None:
    asked = dataclasses.replace(HOT[0], power=USED)
    refused = dataclasses.replace(HOT[1], power=Power(energy_gap="the phone shows no meter"))
    notes = Footnotes()
    (section,) = modes.sustained([asked, refused], FAMILIES, notes)
    headings = [heading.text for heading in section.table.headings]
    assert headings[-2:] == ["energy of an inference (mJ)", "of an hour of listening (J)"]
    inference, hour = section.table.lines[0].cells[-2:]
    assert (inference.text, inference.detail, hour.text) == ("4.20", "4.10–4.40", "15.8")
    texts = dict(notes.listed())
    source = texts[inference.marks[0]]
    assert "S2M_VDD_CPUCL2 (CPU(BIG)), S1M_VDD_MIF (MIF) alone" in source
    assert "perfetto; the phone was powered by: usb" in source
    gap = section.table.lines[1].cells[-1]
    assert (gap.text, texts[gap.marks[0]]) == ("–", "the phone shows no meter")

    (plain,) = modes.sustained(HOT[:2], FAMILIES, Footnotes())
    assert len(plain.table.headings) == len(headings) - 2


def test_a_stream_without_idle_power_has_the_energy_of_an_hour_alone() -> None:
    heard = dataclasses.replace(
        stream(FOUND[0]), power=dataclasses.replace(USED, energy_j_per_inference=None)
    )
    notes = Footnotes()
    (section,) = modes.streaming([heard], FAMILIES, notes)
    inference, hour = section.table.lines[0].cells[-2:]
    assert (inference.text, hour.text) == ("–", "15.8")
    assert "idle power" in dict(notes.listed())[inference.marks[0]]
