"""What a hop costs: the front-end of its new frames and one inference, each measured."""

import csv
import dataclasses
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.stored_sessions import ARTIFACT, CASE, OTHER, add_session

from bench.core.artifact import Artifact, Role
from bench.core.caveats import Caveat, CaveatKind, Effect
from bench.flow.report.join import join
from bench.flow.report.mode_rows import modes
from bench.flow.report.stored import newest_results
from bench.flow.report.write import report
from bench.plan.case import Case, Mode, Protocol
from bench.store.store import Store
from models import frontend
from reports.rows.schema import Frontend, Row

HOP = frontend.PATCH_HOP_SAMPLES  # 17 frames
PATCH = replace(ARTIFACT, frontend="log-mel", role=Role.EMBEDDING_PATCH, hop_samples=HOP)
WAVEFORM = replace(ARTIFACT, hop_samples=HOP)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "bench.db") as opened:
        yield opened


def log_mel(name: str, frames: int, letter: str = "f") -> Artifact:
    return replace(
        ARTIFACT,
        sha256=letter * 64,
        name=name,
        role=Role.FRONTEND,
        frontend="none",
        window_samples=frontend.samples_of(frames),
        hop_samples=frames * frontend.FRAME_HOP_SAMPLES,
    )


def stored(store: Store, model: Artifact, *fronts: tuple[Artifact, float], **other: object) -> None:
    """Stores a model of about 1000 us and front-ends of the given latencies, in one session."""
    store.add_artifact(model)
    latencies = {replace(CASE, artifact_sha256=model.sha256): 1000.0}
    for front, us in fronts:
        store.add_artifact(front)
        latencies[replace(CASE, artifact_sha256=front.sha256, **other)] = us  # type: ignore[arg-type]  # a field of Case
    add_session(store, "one", latencies)


def only_row(store: Store) -> Row:
    (row,) = join(store)[0]
    return row


OF_THE_FILE = ("protocol", "given_inputs", "signature")  # not of the setup


def evidence(row: Row, kind: CaveatKind) -> list[str]:
    return [each.evidence for each in row.caveats if each.kind is kind]


@pytest.mark.parametrize(
    ("hop_frames", "cheapest", "name"),
    [(17, 20.0, "frontend-dft-17"), (48, 50.0, "frontend-dft-48"), (96, 200.0, "frontend-dft")],
)
def test_a_hop_costs_the_front_end_of_its_own_new_frames(
    store: Store, hop_frames: int, cheapest: float, name: str
) -> None:
    model = replace(PATCH, hop_samples=160 * hop_frames)
    fronts = (
        (log_mel("frontend-dft", 96), 200.0),
        (log_mel("frontend-dft-48", 48, "e"), 50.0),
        (log_mel("frontend-dft-17", 17, "d"), 20.0),
    )
    stored(store, model, *fronts)
    row = only_row(store)
    hop_s = hop_frames / 100
    assert row.frontend is Frontend.ADDED
    assert row.frontend_us_per_hop == cheapest + 3.5
    assert row.frontend_us_per_hop_low == cheapest + 1  # the first process
    assert row.latency_us_median == 1003.5
    assert row.latency_us_per_audio_s == pytest.approx((1003.5 + cheapest + 3.5) / hop_s)
    assert row.latency_us_per_audio_s_low == pytest.approx(
        ((row.latency_us_low or 0) + cheapest + 1) / hop_s
    )
    assert evidence(row, CaveatKind.FRONTEND_ADDED) == [name]


def test_a_front_end_of_a_whole_window_is_never_charged_to_a_hop_of_17_frames(
    store: Store,
) -> None:
    stored(store, PATCH, (log_mel("frontend-conv", 96), 9500.0))  # of a former version
    row = only_row(store)
    assert (row.frontend, row.frontend_us_per_hop) == (Frontend.MISSING, None)
    assert not row.includes_frontend
    (reason,) = evidence(row, CaveatKind.NO_FRONTEND)
    assert reason == (
        "frontend-dft-17 was not timed in the same setup; frill-bench convert frontend-dft-17 "
        "(frontend-conv was, but it is not that of a hop's 17 new frames)"
    )


def test_where_no_front_end_was_timed_the_row_names_the_one_to_convert(store: Store) -> None:
    stored(store, replace(PATCH, hop_samples=15_360))
    (reason,) = evidence(only_row(store), CaveatKind.NO_FRONTEND)
    assert reason.endswith("; frill-bench convert frontend-dft")


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, Frontend.ADDED) for name in OF_THE_FILE]
    + [
        (field.name, Frontend.MISSING)
        for field in dataclasses.fields(Case)
        if field.name not in ("artifact_sha256", "device", *OF_THE_FILE)
    ],
)
def test_a_front_end_is_added_only_where_it_ran_in_the_same_way(
    store: Store, name: str, kind: Frontend
) -> None:
    front = log_mel("frontend-dft-17", 17)
    stored(store, PATCH, (front, 20.0), **{name: OTHER[name]})
    assert only_row(store).frontend is kind


def test_a_file_that_takes_whole_windows_of_audio_costs_what_it_costs_and_says_why(
    store: Store,
) -> None:
    stored(store, WAVEFORM, (log_mel("frontend-dft-17", 17), 20.0))
    row = only_row(store)
    assert (row.frontend, row.frontend_us_per_hop) == (Frontend.IN_GRAPH, None)
    assert row.latency_us_per_audio_s == pytest.approx(1003.5 / 0.17)
    assert evidence(row, CaveatKind.WHOLE_WINDOW) == ["0.975 s of audio for every 0.17 s"]
    assert Caveat(kind=CaveatKind.WHOLE_WINDOW).effect is Effect.NOTE


def test_windows_that_share_no_frame_compute_nothing_twice(store: Store) -> None:
    stored(store, replace(WAVEFORM, hop_samples=15_360))
    assert evidence(only_row(store), CaveatKind.WHOLE_WINDOW) == []


def test_a_front_end_that_a_manifest_names_is_charged_whole(store: Store) -> None:
    own = replace(
        ARTIFACT, sha256="f" * 64, name="word-frontend", role=Role.FRONTEND, window_samples=16_000
    )
    model = replace(PATCH, frontend=own.name, window_samples=16_000, hop_samples=16_000)
    stored(store, model, (own, 500.0), (log_mel("frontend-dft-17", 17, "e"), 20.0))
    row = only_row(store)
    assert row.frontend_us_per_hop == 503.5
    assert row.latency_us_per_audio_s == pytest.approx(1003.5 + 503.5)


def test_the_three_costs_are_columns_of_the_csv_and_of_the_page(
    store: Store, tmp_path: Path
) -> None:
    stored(store, PATCH, (log_mel("frontend-dft-17", 17), 20.0))
    page, _ = report(store, out=tmp_path / "page", title="", command="")
    (row,) = csv.DictReader((page.parent / "results.csv").read_text().splitlines())
    costs = [float(row[f"{name}"]) for name in ("frontend_us_per_hop", "latency_us_median")]
    assert costs == [23.5, 1003.5]
    assert float(row["latency_us_per_audio_s"]) == pytest.approx(sum(costs) / 0.17)
    assert list(row).index("frontend_us_per_hop") > list(row).index("caveat_evidence")
    markdown = (page.parent / "results.md").read_text()
    assert "front-end (µs per hop)" in markdown
    assert "23.5 (21.0" in markdown


def streaming(hop_samples: int) -> Protocol:
    return replace(CASE.protocol, mode=Mode.STREAMING, run_delay_s=hop_samples / 16_000)


def test_a_stream_pays_for_the_new_frames_of_a_hop_too(store: Store) -> None:
    front, whole = log_mel("frontend-dft-17", 17), log_mel("frontend-dft", 96, "e")
    for each in (PATCH, front, whole):
        store.add_artifact(each)
    protocol = streaming(HOP)
    cases = [
        replace(CASE, artifact_sha256=each.sha256, protocol=protocol)
        for each in (PATCH, front, whole)
    ]
    add_session(store, "one", dict(zip(cases, (1000.0, 20.0, 10.0), strict=True)))
    (row,) = modes(newest_results(store))[0]
    assert row.frontend is Frontend.ADDED
    assert row.frontend_us_per_hop == 23.5
    assert row.real_time_ratio == pytest.approx((1003.5 + 23.5) / 170_000)
    assert row.core_share == pytest.approx((1003.5 + 23.5) / 170_000)


def test_a_stream_file_is_charged_one_call_over_its_hop_and_no_front_end(store: Store) -> None:
    file = replace(WAVEFORM, role=Role.EMBEDDING_STREAM, hop_samples=96 * 160)
    front = log_mel("frontend-dft", 96)
    for each in (file, front):
        store.add_artifact(each)
    protocol = streaming(96 * 160)
    cases = [
        replace(CASE, artifact_sha256=each.sha256, protocol=protocol) for each in (file, front)
    ]
    add_session(store, "one", dict(zip(cases, (1000.0, 20.0), strict=True)))
    (row,) = modes(newest_results(store))[0]
    assert (row.frontend, row.frontend_us_per_hop, row.hop_s) == (Frontend.IN_GRAPH, None, 0.96)
    assert row.real_time_ratio == row.core_share == pytest.approx(1003.5 / 960_000)


def test_in_a_stream_a_front_end_that_was_timed_at_another_hop_counts_over_the_files_own(
    store: Store,
) -> None:
    own = replace(
        ARTIFACT, sha256="f" * 64, name="word-frontend", role=Role.FRONTEND, window_samples=16_000
    )
    model = replace(PATCH, frontend=own.name, window_samples=16_000, hop_samples=8_000)
    cases = {}
    for each, hop, us in ((model, 8_000, 1000.0), (own, 16_000, 500.0)):
        store.add_artifact(each)
        cases[replace(CASE, artifact_sha256=each.sha256, protocol=streaming(hop))] = us
    add_session(store, "one", cases)
    (row,) = modes(newest_results(store))[0]
    assert row.real_time_ratio == pytest.approx((1003.5 + 503.5) / 500_000)
