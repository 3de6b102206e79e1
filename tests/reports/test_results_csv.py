"""A results.csv that is read back gives the rows that it was written from."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import mode_rows
from support.program import command_line
from support.report_rows import changed, rows, timed, unmeasured

from bench.core.caveats import Caveat, CaveatKind
from bench.core.errors import ConfigurationError
from reports.parts.documents import results_csv, to_csv
from reports.rows import frontier
from reports.rows.results_csv import parse, parse_streams
from reports.rows.schema import Power, Row, Stream, listing


def written() -> list[Row]:
    marked = [each.row for each in frontier.mark([*rows()[:3], unmeasured(rows()[3])])]
    odd = changed(
        rows()[4],
        student="=SUM(A1)",
        runtime='two\nlines, "quoted"',
        caveats=(
            Caveat(kind=CaveatKind.QUICK, evidence="400 clips | seed 1: few"),
            Caveat(kind=CaveatKind.UNTRAINED),
        ),
    )
    return [replace(each, caveats=tuple(sorted(each.caveats))) for each in (*marked, odd)]


def test_what_is_written_is_read() -> None:
    found = parse(results_csv(written()), "results.csv")
    assert list(found.rows) == written()
    assert found.unknown == ()


def test_streams_that_are_written_are_read() -> None:
    power = Power(energy_j_per_inference=0.5, energy_rails="S2M (cpu)")
    streams = [mode_rows.stream(row) for row in written()[:2]]
    streams.append(replace(streams[0], power=power))
    text = to_csv(listing(streams, Stream))
    assert list(parse_streams(text, "streaming.csv")) == streams
    low = str(streams[0].core_share_low)
    with pytest.raises(ConfigurationError, match="line 2: column core_share is outside"):
        parse_streams(text.replace(low, "9.0", 1), "streaming.csv")


def test_pick_reads_the_streams_beside_the_results(tmp_path: Path) -> None:
    row = timed("a", "int8", 500.0, score=0.7)
    budget = ("pick", "--core", "20%", tmp_path / "results.csv")
    (tmp_path / "results.csv").write_text(results_csv([row]))
    without = command_line(*budget, status=0)
    assert "probably keeps" in without.stdout
    stream = mode_rows.stream(row, idle_ratio=2)
    (tmp_path / "streaming.csv").write_text(to_csv(listing([stream], Stream)))
    beside = command_line(*budget, status=0)
    assert "surely keeps" in beside.stdout
    assert "streams are those of" in beside.stderr


def test_a_column_of_another_program_is_left_out_and_named() -> None:
    lines = results_csv(rows()[:2]).splitlines()
    text = "\n".join(f"{line},{'mine' if not index else 7}" for index, line in enumerate(lines))
    found = parse(text, "results.csv")
    assert found.unknown == ("mine",)
    assert [each.file for each in found.rows] == [each.file for each in rows()[:2]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("175.0", "fast", "line 2: column latency_us_median: 'fast' is not a number"),
        ("175.0", "nan", "line 2: column latency_us_median: 'nan' is not a number"),
        ("175.0", "-1", "line 2: column latency_us_median: -1 is below 0"),
        ("175.0", "9.0", "line 2: column latency_us_median is outside latency_us_low"),
        ("8450000", "8.45", "line 2: column size_bytes: '8.45' is not a whole number"),
        ("float32", "float8", "line 2: column format: 'float8' is not one of float32, float16"),
        ("frontend_added", "odd_thing", "line 2: column caveats: 'odd_thing' is not a caveat"),
        ("True", "yes", "line 2: column includes_frontend: 'yes' is not True or False"),
        ("case_key", "case_kye", "line 1: has no column 'case_key'; did you mean 'case_kye'?"),
        ("student", "format", "line 1: has the column 'format' twice"),
        (",8450000", "", "line 2: has"),
        ('\n', '\n"', "line "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line_and_column(old: str, new: str, message: str) -> None:
    text = results_csv(rows()[4:5])
    assert old in text
    with pytest.raises(ConfigurationError) as refused:
        parse(text.replace(old, new, 1), "results.csv")
    assert str(refused.value).startswith("results.csv, line ")
    assert message in str(refused.value)
    assert "hint" in str(refused.value)


def test_a_line_is_counted_in_the_file_also_after_a_cell_of_two_lines() -> None:
    first = changed(rows()[0], runtime="two\nlines")
    text = results_csv([first, rows()[4]]).replace("175.0", "fast", 1)
    with pytest.raises(ConfigurationError, match="line 4: column latency_us_median"):
        parse(text, "results.csv")


@pytest.mark.parametrize("text", ["", "\n", "a,b\n1,2\n"])
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="line 1: has no column"):
        parse(text, "results.csv")


@given(st.text(max_size=200))
@settings(max_examples=30)
def test_no_text_is_a_bug(text: str) -> None:
    try:
        parse(results_csv(rows()[:1]) + text, "x.csv")
    except ConfigurationError:
        return


def test_a_gap_stays_a_gap() -> None:
    (found,) = parse(results_csv([timed("a", "int8", 9.0, score=None)]), "results.csv").rows
    assert found.score_mean is None
    assert found.score_task_set is None
    assert replace(found, score_mean=0.5) != found
