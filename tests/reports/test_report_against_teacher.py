"""FRILL's own table: students against the teacher that was timed beside them."""

import csv
from pathlib import Path

import pytest
from support.report_rows import changed, tasks, timed

from reports.page import page
from reports.parts.against_teacher import sections
from reports.parts.table import Footnotes
from reports.plots.charts import families_of
from reports.rows.against_teacher import (
    Accuracy,
    AgainstTeacher,
    Side,
    against_teacher,
    published_lines,
)
from reports.rows.schema import Frontend, Row

FRILL, TINY, TEACHER = "small_w2.0_frill", "tiny_w0.5_other", "trill-shaped"
STUDENTS = {FRILL: "frill", TINY: None}


def row(name: str, us: float, *, score: float | None = None, caveats: str = "") -> Row:
    return timed(
        name, "float32", us, score=score, frontend_us=200.0, audio_s=0.17,
        size_bytes=int(1000 * us), caveats=caveats,
    )  # fmt: skip


def accuracy(mean: float, *, paired: bool = True) -> Accuracy:
    return Accuracy(
        teacher="speech+voice", teacher_sha256="e" * 64, mean=0.7, low=0.68, high=0.72,
        ratio=mean / 0.7, ratio_low=mean / 0.7 - 0.02, ratio_high=mean / 0.7 + 0.02,
        change=mean - 0.7, change_low=mean - 0.72, change_high=mean - 0.68, paired=paired,
    )  # fmt: skip


TRILL_SHAPED = row(TEACHER, 30_000.0, caveats="untrained")
TRAINED = row(TINY, 100.0, score=0.63)
RANDOM = row(FRILL, 1_000.0, score=0.2, caveats="untrained;below_floor")


def lines(*found: Row, paired: bool = True) -> list[AgainstTeacher]:
    return against_teacher(
        found,
        {TRAINED: accuracy(0.63, paired=paired)},
        students=STUDENTS,
        teachers=("trill", TEACHER),
    )


def test_a_student_has_its_latency_size_and_accuracy_over_the_teachers() -> None:
    shape, teacher, frill, tiny = lines(TRAINED, RANDOM, TRILL_SHAPED)
    assert [each.side for each in (shape, teacher)] == [Side.TEACHER, Side.TEACHER]
    assert (shape.model, teacher.model) == (TEACHER, "speech+voice")
    assert (frill.alias, tiny.alias) == ("frill", None)
    assert tiny.times_as_fast == pytest.approx(300.0)
    assert tiny.size_ratio == pytest.approx(1 / 300)
    # From the ends of both intervals: 2 % below and 2.8 % above each latency.
    assert tiny.times_as_fast_low == pytest.approx(300 * 0.98 / 1.028)
    assert tiny.times_as_fast_high == pytest.approx(300 * 1.028 / 0.98)
    # An app pays for the front-end beside either.
    assert tiny.times_as_fast_app == pytest.approx(30_200 / 300)
    assert (tiny.score_mean, tiny.score_ratio) == (0.63, pytest.approx(0.9))
    assert tiny.teacher == "speech+voice"


def test_random_weights_have_latency_and_size_and_no_accuracy() -> None:
    shape, _, frill, _ = lines(TRAINED, RANDOM, TRILL_SHAPED)
    assert frill.times_as_fast == pytest.approx(30.0)
    for line in (shape, frill):
        assert line.is_untrained
        assert (line.score_mean, line.score_ratio, line.task_set) == (None, None, None)


def test_nothing_is_compared_across_sessions_threads_or_delegates() -> None:
    assert lines(TRAINED) == []
    assert lines(TRILL_SHAPED) == []
    for other in ({"session": "another"}, {"threads": 2}, {"delegate": "none"}, {"device": "b"}):
        assert lines(TRAINED, changed(TRILL_SHAPED, **other)) == []
    two = [changed(each, threads=2) for each in (TRAINED, TRILL_SHAPED)]
    found = lines(TRAINED, TRILL_SHAPED, *two)
    assert [each.threads for each in found if each.side is Side.STUDENT] == [1, 2]


def test_trills_own_file_takes_the_place_of_its_shape() -> None:
    trill = row("trill", 20_000.0, score=0.75)
    teacher, *_, tiny = lines(TRAINED, TRILL_SHAPED, trill)
    assert (teacher.model, teacher.score_mean) == ("trill", 0.75)
    assert tiny.times_as_fast == pytest.approx(200.0)


def test_a_teacher_that_takes_audio_is_compared_with_the_front_end_only() -> None:
    trill = changed(row("trill", 20_000.0), frontend=Frontend.IN_GRAPH)
    *_, tiny = lines(TRAINED, trill)
    assert tiny.times_as_fast is None
    assert tiny.times_as_fast_app is not None
    other_hop = changed(trill, audio_s_per_inference=0.96)
    *_, tiny = lines(TRAINED, other_hop)
    assert tiny.times_as_fast_app is None


def test_the_published_figures_are_those_of_the_paper() -> None:
    trill, frill = published_lines()
    assert (trill.latency_us_median, frill.latency_us_median) == (275_300, 8_500)
    assert frill.times_as_fast == pytest.approx(32.4, abs=0.05)
    assert (trill.score_mean, frill.score_mean) == (
        pytest.approx(0.7159, abs=5e-5),
        pytest.approx(0.7023, abs=5e-5),
    )
    assert frill.score_change == pytest.approx(-0.0136, abs=5e-5)
    assert frill.score_ratio == pytest.approx(0.981, abs=5e-4)
    assert frill.size_ratio == pytest.approx(0.412, abs=5e-4)  # MiB of FRILL over MB of TRILL
    for line in (trill, frill):
        assert line.source == "published"
        assert line.times_as_fast_low is line.score_low is line.times_as_fast_app is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("paper")
    found = [TRAINED, RANDOM, TRILL_SHAPED]
    page.write_report(
        found, tasks(found), out=out, title="t", subtitle="", provenance={}, notes=[],
        against=lines(*found, paired=False),
    )  # fmt: skip
    return out


def test_the_page_shows_the_section_and_its_picture_and_marks_what_is_published(
    folder: Path,
) -> None:
    text = (folder / "index.html").read_text()
    assert "table: student against teacher</h2>" in text
    for words in ("frill (untrained)", "FRILL (published)", "Its weights are random here", "275.3"):
        assert words in text, words
    assert (folder / "student-teacher.png").is_file()


def test_table_and_markdown_hold_the_same_lines(folder: Path) -> None:
    with (folder / "paper.csv").open() as stream:
        stored = list(csv.DictReader(stream))
    assert [each["model"] for each in stored] == [
        TEACHER, "speech+voice", FRILL, TINY, "TRILL", "FRILL",
    ]  # fmt: skip
    assert [each["source"] for each in stored] == 4 * ["measured"] + 2 * ["published"]
    assert float(stored[3]["times_as_fast"]) == pytest.approx(300.0)
    assert stored[3]["paired"] == "False"
    assert stored[2]["score_ratio"] == ""
    text = (folder / "paper.md").read_text()
    assert text.count("(published)") >= 2
    assert "not in pairs" in text
    assert "which is 1.4 points" in text


def test_without_a_teacher_there_is_no_section(tmp_path: Path) -> None:
    page.write_report([TRAINED], [], out=tmp_path, title="t", subtitle="", provenance={}, notes=[])
    assert "student against teacher" not in (tmp_path / "index.html").read_text()
    assert not (tmp_path / "paper.csv").exists()


def test_the_picture_holds_trained_students_and_the_published_point_above_100_too() -> None:
    found = lines(TRAINED, RANDOM, TRILL_SHAPED)
    families = families_of(each.file.family for each in (TRAINED, RANDOM, TRILL_SHAPED))
    (section,) = sections(found, families, Footnotes())
    (chart,) = section.charts
    assert [dot.label for dot in chart.dots] == [
        "tiny_w0.5_other (0.33 %)",
        "FRILL, published (41 %)",
    ]
    assert chart.y_most is None
