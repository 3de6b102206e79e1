"""Logs that somebody already has become processes and rows that are marked as imported."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.parcels import DELEGATED, TIMED, fill, raw_text
from support.stored_sessions import ARTIFACT

from bench.cli.main import main
from bench.core.caveats import CaveatKind
from bench.core.errors import ConfigurationError
from bench.flow.exchange.logs import Import, import_log, read_log
from bench.flow.report.join import join
from bench.flow.report.origin import IMPORTED
from bench.measure.outcome import Failed, Measured
from bench.plan.case import Delegate, Runner
from bench.plan.suite import Target
from bench.store.store import Store
from reports.rows.frontier import mark

POSTED = Path(__file__).parents[2] / "data" / "benchmark_logs" / "posted"
FOUR_RUNS = POSTED / "01_termux_four_runs_one_failed.txt"
LOGCAT = POSTED / "05_logcat_time_format_count1_percentiles.txt"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "bench.db") as opened:
        yield opened


def of_tiny(folder: Path, size_bytes: int = 5000) -> Target:
    """Returns a file of our artifact; the log that ``raw_text`` gives is of one of 5 kB."""
    path = folder / "tiny.tflite"
    path.write_bytes(bytes(size_bytes))
    return Target(path=path, sha256=ARTIFACT.sha256, artifact=ARTIFACT)


def imported(store: Store, path: Path, text: str, target: Target | None) -> Import:
    path.write_text(text)
    return import_log(store, read_log(path, target=target, device="Pixel 9"), target)


def test_runs_are_processes_and_a_run_not_to_be_trusted_is_stored_with_its_reason(
    store: Store,
) -> None:
    done = import_log(store, read_log(FOUR_RUNS))
    kinds = [type(each) for each in done.outcomes]
    assert kinds == [Measured, Failed, Measured, Measured]
    assert done.failures[0].startswith("shape: ")
    assert done.added == len(store.invocations()) == 4


def test_the_raw_bytes_are_stored_first_with_the_name_and_hash_of_the_file(store: Store) -> None:
    import_log(store, read_log(FOUR_RUNS))
    (event,) = store.events(kind=IMPORTED)
    assert event.facts["file"] == FOUR_RUNS.name
    assert base64.b64decode(str(event.facts["raw_base64"])) == FOUR_RUNS.read_bytes()


def test_what_a_log_does_not_have_is_unknown_and_is_nobody_elses(store: Store) -> None:
    import_log(store, read_log(LOGCAT))
    import_log(store, read_log(FOUR_RUNS))
    first, *others = store.invocations()
    assert first.case.tool_sha256.startswith("unknown-")
    assert first.case.artifact_sha256.startswith("unknown-")
    assert first.exit_status == -1
    assert {each.case.key for each in others}.isdisjoint({first.case.key})
    assert len({each.device.key for each in store.sessions()}) == 2
    assert {each.device.os_build for each in store.sessions()} == {"unknown"}


def test_importing_the_same_file_twice_adds_nothing(store: Store, tmp_path: Path) -> None:
    copy = tmp_path / "copy.txt"
    copy.write_bytes(FOUR_RUNS.read_bytes())
    import_log(store, read_log(FOUR_RUNS))
    again = import_log(store, read_log(copy))
    assert again.added == 0
    assert len(again.outcomes) == 4
    assert len(store.invocations()) == 4
    assert len(store.sessions()) == len(store.events()) == 1


def test_an_import_that_was_killed_is_completed(store: Store) -> None:
    log = read_log(FOUR_RUNS)
    done = import_log(store, log)
    with Store.open("sqlite://") as killed:  # after the session, its log and one process
        killed.add_session(store.sessions()[0])
        for event in store.events():
            killed.add_event(event)
        killed.add_invocation(replace(store.invocations()[0], outcome=None))
        assert import_log(killed, log).added == 3
        assert [each.outcome for each in killed.invocations()] == list(done.outcomes)


def test_a_row_has_its_origin_and_its_caveat_and_no_guess(store: Store, tmp_path: Path) -> None:
    text = raw_text(900).replace(DELEGATED, "")
    imported(store, tmp_path / "log.txt", text, of_tiny(tmp_path))
    (row,), _ = join(store)
    assert row.setup.origin.startswith("imported from log.txt (")
    assert CaveatKind.IMPORTED in {each.kind for each in row.caveats}
    assert row.setup.device == "Pixel 9"
    assert row.setup.runner == Runner.BENCHMARK_MODEL
    assert row.setup.delegate == Delegate.UNKNOWN
    assert row.setup.protocol == row.setup.runtime == "unknown"
    assert (row.latency_us_median, row.latency_us_low, row.processes) == (901, None, 1)


def test_a_mean_is_never_taken_for_a_median(store: Store, tmp_path: Path) -> None:
    text = raw_text(900).replace("count=3 first=900", "count=50 first=900")
    imported(store, tmp_path / "log.txt", text, of_tiny(tmp_path))
    (row,), _ = join(store)
    assert row.latency_us_median is None
    assert row.latency_us_mean == 901
    assert row.latency_us_per_audio_s is None


def test_threads_that_a_log_does_not_have_are_unknown(store: Store, tmp_path: Path) -> None:
    lines = [line for line in raw_text(900).splitlines() if "threads" not in line]
    imported(store, tmp_path / "log.txt", "\n".join(lines), of_tiny(tmp_path))
    (row,), _ = join(store)
    assert row.setup.threads is None


def test_imported_rows_are_on_no_frontier_with_measured_ones_unless_asked(
    store: Store, tmp_path: Path
) -> None:
    fill(store, {TIMED: 900})
    log = tmp_path / "log.txt"
    log.write_text(raw_text(100))
    target = of_tiny(tmp_path)
    import_log(store, read_log(log, target=target, device="Pixel 6"), target)
    for with_imported, fronts in ((False, 2), (True, 1)):
        rows, _ = join(store, with_imported=with_imported)
        assert {row.setup.device.partition(" (")[0] for row in rows} == {"Pixel 6"}
        assert sum(each.row.on_frontier for each in mark(rows)) == fronts


def test_a_log_of_another_file_than_the_model_is_not_believed(store: Store, tmp_path: Path) -> None:
    done = imported(store, tmp_path / "log.txt", raw_text(900), of_tiny(tmp_path, 40_000_000))
    assert done.failures == (
        "other-model: the log is of a file of 0.005 MB, and --model has 40 MB",
    )


def test_runs_of_several_models_are_not_of_one(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="several models"):
        import_log(store, read_log(FOUR_RUNS, target=of_tiny(tmp_path)), of_tiny(tmp_path))
    assert store.sessions() == []


@pytest.mark.parametrize(
    ("flag", "code"),
    [("--enable_op_profiling=true", "disturbed"), ("--run_delay=0.5", "paused")],
)
def test_runs_that_are_slower_than_the_model_are_failed(
    store: Store, tmp_path: Path, flag: str, code: str
) -> None:
    text = f"$ ./benchmark_model --graph=m.tflite {flag}\n{raw_text(900)}"
    done = imported(store, tmp_path / "log.txt", text, of_tiny(tmp_path))
    assert [each.partition(":")[0] for each in done.failures] == [code]


def test_one_log_is_of_one_model_on_one_device(store: Store, tmp_path: Path) -> None:
    imported(store, tmp_path / "log.txt", raw_text(900), of_tiny(tmp_path))
    other = read_log(tmp_path / "log.txt", target=of_tiny(tmp_path), device="Pixel 8")
    with pytest.raises(ConfigurationError, match=r"was imported already, as log\.txt"):
        import_log(store, other, of_tiny(tmp_path))


def test_the_verb_shows_what_it_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["import", str(FOUR_RUNS), "--db", str(tmp_path / "a.db")]
    assert main(arguments) == 4
    shown = capsys.readouterr()
    assert "4 runs" in shown.out
    assert "stored as failed: shape: " in shown.out
    assert "no row in a report: --model is not given" in shown.err
    assert main([*arguments, "--json"]) == 4
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert (file["runs"], file["added"]) == (4, 0)
    assert main(["import", str(tmp_path / "none.txt"), "--db", str(tmp_path / "a.db")]) == 2
