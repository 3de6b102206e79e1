"""Scores of another protocol: on the page, and never beside those of the default one."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.pages import words
from support.stored_sessions import ARTIFACT, CASE, add_session

from bench.core.caveats import Caveat, CaveatKind
from bench.core.score import (
    PRESENT_RULE,
    ChosenHead,
    Difference,
    Head,
    Score,
    ScoringProtocol,
    TaskScore,
    Windows,
)
from bench.flow.report.accuracy import apart_scores
from bench.flow.report.join import join
from bench.flow.report.write import report
from bench.store.store import Store
from reports.decision.intervals import score_less
from reports.parts.apart import published, robustness
from reports.parts.table import Footnotes
from reports.rows import frontier
from reports.rows.frontier import mark

FILES = {letter: replace(ARTIFACT, sha256=letter * 64, name=letter) for letter in "ab"}
BEST = Caveat(
    kind=CaveatKind.BEST_ON_TEST, evidence="savee: best of 20 heads on the test part: LDA, L2"
)


def scored(letter: str, mean: float, *, is_best: bool = False) -> Score:
    task = TaskScore(
        task="savee", metric="accuracy", value=mean, low=mean - 0.05, high=mean + 0.05, chance=0.2,
        floor=0.3, test_clips=100, chosen=ChosenHead(name="LDA, L2", among=20) if is_best else None,
    )  # fmt: skip
    return Score(
        artifact_sha256=letter * 64, task_set="noss", task_set_sha256="s", tasks=(task,), mean=mean,
        mean_low=mean - 0.05, mean_high=mean + 0.05, runtime="r", delegate="xnnpack", threads=1,
        hop_samples=ARTIFACT.hop_samples or 0, windows=Windows.TO_END, head=Head.FIXED,
        protocol=ScoringProtocol.NOSS_PUBLISHED if is_best else ScoringProtocol.DEFAULT,
        caveats=(BEST,) if is_best else (),
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "bench.db") as opened:
        for file in FILES.values():
            opened.add_artifact(file)
        add_session(
            opened, "one", {replace(CASE, artifact_sha256=f.sha256): 1000.0 for f in FILES.values()}
        )
        yield opened


def test_published_scores_and_conditions_are_on_the_page_and_not_in_the_results(
    store: Store, tmp_path: Path
) -> None:
    noisy = replace(
        scored("a", 0.4),
        condition="noise (pink, 10 dB SNR)",
        less_clean=tuple(
            Difference(task=name, value=-0.2, low=-0.25, high=-0.14) for name in ("savee", "mean")
        ),
    )
    # The newest ones are neither clean nor by the default protocol.
    for score in (scored("a", 0.6), scored("b", 0.5), noisy, scored("a", 0.9, is_best=True)):
        store.add_score(score)
    page, rows = report(store, out=tmp_path / "page", title="", command="")
    assert [(row.score_mean, row.score_rule) for row in rows] == [
        (0.6, PRESENT_RULE),
        (0.5, PRESENT_RULE),
    ]
    text = words(page)
    assert "Scores by the published protocol" in text
    assert "85.0\u201395.0; LDA, L2, of 20" in text
    assert "savee: best of 20 heads on the test part: LDA, L2" in text
    assert "noise %, pink, 10 dB SNR" in text
    assert "35.0\u201345.0; \u221220.0 (\u221225.0 to \u221214.0)" in text
    with (page.parent / "scores-apart.csv").open() as stream:
        lines = [*csv.DictReader(stream)]
    assert [(line["task"], line["condition"], line["change"]) for line in lines] == [
        ("savee", noisy.condition, "-0.2"),
        ("mean", noisy.condition, "-0.2"),
        ("savee", "", ""),
        ("mean", "", ""),
    ]
    assert [line["chosen_head"] for line in lines] == ["", "", "LDA, L2", ""]
    assert "noss-published" not in (page.parent / "tasks.csv").read_text()


def test_two_task_sets_of_one_name_are_two_tables(store: Store) -> None:
    for letter, mean in (("a", 0.8), ("b", 0.9)):
        store.add_score(replace(scored(letter, mean, is_best=True), task_set_sha256=letter * 64))
    found = published(apart_scores(store, store.scores()), Footnotes())
    assert [each.heading for each in found] == ["noss (aaaaaaaa)", "noss (bbbbbbbb)"]
    assert [len(each.table.lines) for each in found] == [1, 1]


def test_a_file_that_was_scored_in_a_condition_only_has_no_accuracy(store: Store) -> None:
    store.add_score(replace(scored("a", 0.9), condition="clipping (at 25 % of the peak)"))
    assert {row.score_mean for row in join(store)[0]} == {None}


def test_without_such_scores_there_is_no_section(store: Store) -> None:
    store.add_score(scored("a", 0.6))
    found = apart_scores(store, store.scores())
    assert found == [] == published(found, Footnotes()) == robustness(found, Footnotes())


def test_files_of_two_protocols_are_compared_nowhere(store: Store) -> None:
    store.add_score(scored("a", 0.6))
    store.add_score(scored("b", 0.9, is_best=True))
    marked = mark(join(store)[0])
    views = frontier.views(marked)
    assert [(view.rule, len(view.rows)) for view in views] == [
        (PRESENT_RULE, 1),
        ("windows to the end, protocol noss-published", 1),
    ]
    assert all(each.row.on_frontier for each in marked)  # neither beats the other
    one, other = (each.row for each in marked)
    assert score_less(one, other) is None
    best = max((one, other), key=lambda row: row.score_mean or 0)
    assert CaveatKind.BEST_ON_TEST in {each.kind for each in best.caveats}
