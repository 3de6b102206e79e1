"""A file at several hops: one row each, with the cost and the accuracy of that hop."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from support.pages import words
from support.stored_sessions import ARTIFACT, CASE, add_session

from bench.core.artifact import Artifact, Role
from bench.core.caveats import CaveatKind
from bench.core.score import (
    PRESENT_RULE,
    Difference,
    Head,
    HopDifference,
    Score,
    TaskScore,
    Windows,
)
from bench.flow.report.join import join
from bench.flow.report.write import report
from bench.plan.case import Protocol
from bench.store.store import Store
from models import frontend
from reports.rows import frontier
from reports.rows.frontier import View, mark
from reports.rows.names import row_names

HOPS = {17: 0.60, 48: 0.597, 96: 0.594}  # frames to score
FRONT_US = {17: 20.0, 48: 50.0, 96: 90.0}
HOST = replace(CASE, protocol=Protocol(processes=6))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "bench.db") as opened:
        yield opened


def patch(letter: str, name: str = "tiny_w0.5_keras3_gap_e512_fused") -> Artifact:
    return replace(
        ARTIFACT,
        sha256=letter * 64,
        name=name,
        frontend="log-mel",
        role=Role.EMBEDDING_PATCH,
        hop_samples=2_720,
    )


def front(frames: int) -> Artifact:
    return replace(
        ARTIFACT,
        sha256=f"{frames:064}",
        name=f"frontend-dft-{frames}",
        role=Role.FRONTEND,
        frontend="none",
        window_samples=frontend.samples_of(frames),
        hop_samples=160 * frames,
    )


def scored(
    sha256: str, frames: int, mean: float, *, windows: Windows = Windows.TO_END, floor: float = 0.5
) -> Score:
    """Returns the score of a hop; the difference to that of 17 frames is known to 1.3 points."""
    tasks = tuple(
        TaskScore(task=name, metric="top1", value=mean, low=mean - 0.02, high=mean + 0.02,
                  chance=0.1, floor=floor, test_clips=400)
        for name in ("tones", "words")
    )  # fmt: skip
    change = mean - HOPS[17]
    less = HopDifference(
        hop_samples=2_720,
        differences=tuple(
            Difference(task=name, value=change, low=change - 0.013, high=change + 0.013)
            for name in ("tones", "words", "mean")
        ),
        same_windows={"tones": 1.0, "words": 0.79},
    )
    return Score(
        artifact_sha256=sha256,
        task_set="default",
        task_set_sha256="s",
        tasks=tasks,
        mean=mean,
        mean_low=mean - 0.02,
        mean_high=mean + 0.02,
        runtime="ai-edge-litert 2.3.0",
        delegate="xnnpack",
        threads=1,
        hop_samples=160 * frames,
        windows=windows,
        head=Head.FIXED,
        less_hop=None if frames == 17 or windows is Windows.WHOLE_HOPS else less,
    )


def fill(store: Store, models: Sequence[tuple[Artifact, float]], scores: list[Score]) -> None:
    """Stores models and their latencies, the front-ends of all hops, and scores."""
    latencies = {replace(HOST, artifact_sha256=each.sha256): us for each, us in models}
    for frames, us in FRONT_US.items():
        store.add_artifact(front(frames))
        latencies[replace(HOST, artifact_sha256=front(frames).sha256)] = us
    for each, _ in models:
        store.add_artifact(each)
    for score in scores:
        store.add_score(score)
    add_session(store, "one", latencies)


def all_hops(letter: str, lead: float = 0.0, **more: object) -> list[Score]:
    return [scored(letter * 64, frames, mean + lead, **more) for frames, mean in HOPS.items()]  # type: ignore[arg-type]  # of scored


def test_a_file_scored_at_three_hops_is_three_rows_with_the_cost_of_each(store: Store) -> None:
    fill(store, [(patch("a"), 1000.0)], all_hops("a"))
    rows, tasks = join(store)
    assert [row.audio_s_per_inference for row in rows] == [0.17, 0.48, 0.96]
    assert [row.score_mean for row in rows] == list(HOPS.values())
    assert {row.latency_us_median for row in rows} == {1003.5}
    fronts = [us + 3.5 for us in FRONT_US.values()]
    assert [row.frontend_us_per_hop for row in rows] == fronts
    costs = [(1003.5 + us) / hop for us, hop in zip(fronts, (0.17, 0.48, 0.96), strict=True)]
    assert [row.latency_us_per_audio_s for row in rows] == pytest.approx(costs)
    assert [row.hop_s_reference for row in rows] == [None, 0.17, 0.17]
    assert [row.score_change for row in rows] == [
        None,
        pytest.approx(-0.003),
        pytest.approx(-0.006),
    ]
    assert [(each.task, each.hop_s, each.same_windows) for each in tasks][-2:] == [
        ("tones", 0.96, 1.0),
        ("words", 0.96, 0.79),
    ]


def test_the_frontier_is_over_files_at_hops_and_each_name_shows_its_hop(store: Store) -> None:
    fill(
        store,
        [(patch("a"), 1000.0), (patch("b", "mine"), 5000.0)],
        all_hops("a") + all_hops("b", 0.1),
    )
    marked = mark(join(store)[0])
    names = row_names([each.row for each in marked])
    on = [names[each.row] for each in marked if each.row.on_frontier]
    # Both at the longest hop are cheap; the better one is worth its price at shorter ones too.
    assert on == [
        "mine (hop 0.17 s)",
        "mine (hop 0.48 s)",
        "mine (hop 0.96 s)",
        "tiny w0.5 (hop 0.48 s)",
        "tiny w0.5 (hop 0.96 s)",
    ]
    assert [each.on_frontier_size for each in marked] == [True, *[False] * 5]


def test_the_page_shows_in_words_what_a_longer_hop_costs_and_which_tasks_cannot_show_it(
    store: Store, tmp_path: Path
) -> None:
    fill(store, [(patch("a"), 1000.0)], all_hops("a"))
    page, _ = report(store, out=tmp_path / "page", title="", command="")
    text = words(page)
    assert (
        "Embedding every 0.96 s instead of 0.17 s: 5.3 times cheaper, 0.6 points less, −0.7 to 1.9."
        in text
    )
    assert "Every 0.17 s: front-end 23.5 µs, file 1.00 ms." in text
    assert "Embedding every 0.96 s instead of 0.17 s, on average over 1 file: 5.3 times" in text
    assert "Their share of the test clips: tones 100 %, words 79 %." in text
    assert "A point is a file at a hop" in text
    (first, *_) = csv.DictReader((page.parent / "accuracy-latency.csv").read_text().splitlines())
    assert first["audio_s_per_inference"] == "0.17"
    assert len((page.parent / "accuracy-size.csv").read_text().splitlines()) == 2


def test_files_at_their_own_hop_alone_have_no_section_on_hops(store: Store, tmp_path: Path) -> None:
    fill(store, [(patch("a"), 1000.0)], [scored("a" * 64, 17, 0.6)])
    page, (row,) = report(store, out=tmp_path / "page", title="", command="")
    assert row.score_rule == PRESENT_RULE
    text = words(page)
    assert "What the hop changes" not in text
    assert "windows" not in text.split("All results")[2].split("In all rows")[1][:200]


def test_scores_that_left_out_the_ends_of_clips_are_never_beside_others(
    store: Store, tmp_path: Path
) -> None:
    former = [scored("a" * 64, 17, 0.7, windows=Windows.WHOLE_HOPS)]
    fill(store, [(patch("a"), 1000.0), (patch("b", "mine"), 1000.0)], former + all_hops("b"))
    marked = mark(join(store)[0])
    assert [row.row.score_rule for row in marked] == [*[PRESENT_RULE] * 3, former[0].rule]
    assert all(each.row.on_frontier for each in marked)  # 0.7 beats none of the others
    views: list[View] = frontier.views(marked)
    assert [(view.rule, len(view.rows)) for view in views] == [
        (PRESENT_RULE, 3),
        ("windows whole hops, head C 0.1", 1),
    ]
    page, _ = report(store, out=tmp_path / "page", title="", command="")
    assert "default, windows whole hops" in words(page)


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_score_of_the_former_rule_never_replaces_one_of_the_present_rule(
    store: Store, newest_first: bool
) -> None:
    both = [scored("a" * 64, 17, 0.7, windows=Windows.WHOLE_HOPS), scored("a" * 64, 17, 0.6)]
    fill(store, [(patch("a"), 1000.0)], both[::-1] if newest_first else both)
    (row,) = join(store)[0]
    assert (row.score_mean, row.score_rule) == (0.6, PRESENT_RULE)


def test_what_is_below_the_log_mel_floor_is_shown_and_at_no_hop_on_the_frontier(
    store: Store,
) -> None:
    # The model is below at its own hop; by chance it is above at a longer one.
    below = [scored("a" * 64, 17, 0.49), scored("a" * 64, 96, 0.51)]
    fill(store, [(patch("a"), 10.0), (patch("b", "mine"), 5000.0)], below + all_hops("b"))
    marked = mark(join(store)[0])
    of_a = [each for each in marked if each.row.file.student != "mine"]
    evidence = [
        [each.evidence for each in one.row.caveats if each.kind is CaveatKind.BELOW_FLOOR]
        for one in of_a
    ]
    assert evidence == [["0.490 against 0.500"], ["0.490 against 0.500 at a hop of 0.17 s"]]
    assert not any(each.row.on_frontier for each in of_a)
    assert all(each.not_eligible.startswith("scores less than") for each in of_a)
    assert all(each.row.on_frontier for each in marked if each not in of_a)
