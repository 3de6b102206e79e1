from dataclasses import replace

from rich.console import Console
from support.device_states import SUSTAINED

from bench.cli.shown.operators import compared_table
from bench.cli.shown.tables import tables
from bench.flow.compare import OperatorTime
from bench.flow.report.results import CaseResult
from bench.measure.energy import Amount, EnergyUse
from bench.measure.sustained import Point, curve


def test_clocks_are_shown_in_mhz() -> None:
    first = Point(at_s=0, until_s=10, latency_us=100, clock_khz=3_187_200, cap_khz=3_187_200)
    last = replace(first, at_s=10, until_s=20, clock_khz=1_171_200.0)
    result = CaseResult(
        case=SUSTAINED, name="tiny", model="tiny.tflite", artifact=None, failed=0, failures=(),
        summary=None, caveats=(), curve=curve([first, last]),
    )  # fmt: skip
    console = Console(width=200, record=True)
    with console.capture() as captured:
        for table in tables("phone", [result], {SUSTAINED.key: ""}):
            console.print(table)
    text = captured.get()
    assert "3187 to 1171" in text
    assert "3187 to 3187" in text
    assert "MHz" in text
    assert "e+06" not in text
    assert "inference" not in text  # no energy was asked for


def test_energy_has_columns_of_its_own() -> None:
    point = Point(at_s=0, until_s=10, latency_us=100)
    used = EnergyUse(per_inference_j=Amount(value=0.0042), per_hour_j=Amount(value=15.75))
    result = CaseResult(
        case=SUSTAINED, name="tiny", model="tiny.tflite", artifact=None, failed=0, failures=(),
        summary=None, caveats=(), curve=curve([point]), energy=used,
    )  # fmt: skip
    (_, table) = tables("phone", [result], {SUSTAINED.key: ""})
    cells = {str(column.header): list(column.cells) for column in table.columns}
    assert cells["mJ per\ninference"] == ["4.20"]
    assert cells["J per\nhour"] == ["15.8"]


def test_operators_of_two_sides_have_a_bar_each_and_the_short_ones_are_summed_up() -> None:
    times = [
        OperatorTime(
            node_type=f"OP_{number}", baseline_us=a_us, baseline_count=1, candidate_us=b_us,
            candidate_count=2,
        )
        for number, (a_us, b_us) in enumerate([(500.0, 1000.0), (800.0, 400.0), *[(1.0, 1.0)] * 8])
    ]  # fmt: skip
    table = compared_table("two files", times)
    names, *_, bars = [[str(cell) for cell in column.cells] for column in table.columns]
    assert names[-2:] == ["OP_7", "2 other types"]
    assert bars[:3] == ["█" * 12 + "+" * 12, "█" * 10 + "-" * 9, ""]
    assert [str(cell) for cell in table.columns[3].cells][-1] == "4"
