import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest
from support.phone_sweeps import SPLIT, SUITE, TINY, stand_in, wanted
from support.phone_sweeps import sweep as phone_sweep

from bench.cli.main import main
from bench.core.caveats import Caveat, CaveatKind, Effect
from bench.core.errors import ConfigurationError
from bench.flow.device.host import HostDevice, host_sweep
from bench.flow.device.requests import RunRequest, ToolRequest
from bench.flow.device.sweep import Sweep
from bench.flow.measure.session import measure, open_session
from bench.flow.report.join import join
from bench.flow.report.results import CaseResult
from bench.flow.report.stored import results
from bench.handset.running import Running
from bench.measure.outcome import Measured
from bench.plan.case import Delegate, Mode, Protocol
from bench.plan.suite import Suite, bare_target
from bench.store.records import Session
from bench.store.store import Store
from models.zoo import Zoo

DATA = Path(__file__).parents[2] / "data"
STAND_IN = DATA / "stand_in" / "benchmark_model"
QUICK = Protocol(processes=2, warmup_min_secs=0, max_secs=5)
INVALID = next(kind for kind in CaveatKind if Caveat(kind=kind).effect is Effect.INVALIDATE)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "bench.db") as opened:
        yield opened


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    """Returns a zoo with the tiny model, whose hop is 20 ms."""
    found = Zoo(tmp_path / "zoo")
    found.root.mkdir()
    found.add(TINY, name="tiny", hop_samples=320)
    return found


def swept(suite: Suite, *files: Path) -> Sweep:
    return host_sweep(RunRequest(suite=suite, targets=tuple(map(bare_target, files))))


def by_mode(found: tuple[CaseResult, ...]) -> dict[Mode, CaseResult]:
    return {each.case.protocol.mode: each for each in found}


def measured(plan: Sweep, store: Store) -> Session:
    session = open_session(plan, store)
    measure(plan, session, store, HostDevice(plan))
    return session


def test_every_mode_is_measured_beside_the_latency_and_only_that_is_joined(
    store: Store, zoo: Zoo
) -> None:
    (file,) = zoo.root.glob("*.tflite")
    artifact = bare_target(file).artifact
    assert artifact is not None
    store.add_artifact(artifact)
    suite = Suite(
        name="modes",
        models=("*",),
        protocol=QUICK,
        conventional=True,
        streaming=True,
        cold=True,
        sustained_min=0.005,
    )
    session = measured(swept(suite, file), store)
    found = by_mode(results(store, session))
    assert set(found) == {Mode.BACK_TO_BACK, Mode.STREAMING, Mode.COLD, Mode.SUSTAINED}
    assert not any(each.failed for each in found.values())

    conventional = found[Mode.BACK_TO_BACK].conventional
    assert conventional is not None
    assert conventional.runs >= 50
    assert conventional.median_us is not None
    assert conventional.min_us is not None
    assert conventional.min_us <= conventional.median_us

    streaming = found[Mode.STREAMING].streaming
    assert streaming is not None
    assert streaming.hop_s == 0.02
    assert 0 < streaming.real_time_ratio < 1

    cold = found[Mode.COLD].summary
    assert cold is not None
    assert (cold.processes, cold.iterations) == (2, 2)
    assert cold.first_us_median == cold.latency_us_median
    assert cold.init_us_median is not None

    curve = found[Mode.SUSTAINED].curve
    assert curve is not None
    assert found[Mode.SUSTAINED].summary is None
    assert len(curve.points) == 12
    assert curve.points[0].at_s == 0
    last = store.invocations(session.id)[-12:]  # nothing between them
    assert {each.case.protocol.mode for each in last} == {Mode.SUSTAINED}

    rows, _ = join(store)
    assert len(rows) == 1
    assert rows[0].latency_us_p95 == found[Mode.BACK_TO_BACK].summary.latency_us_p95  # type: ignore[union-attr]  # it was measured


def test_streaming_needs_a_model_that_tells_its_hop() -> None:
    with pytest.raises(ConfigurationError, match="hop") as refused:
        swept(Suite(name="s", models=("*",), streaming=True), TINY)
    assert "zoo add" in (refused.value.hint or "")


def fifty(folder: Path) -> Path:
    """Returns the stand-in for the official tool that prints statistics of fifty runs too."""
    here = STAND_IN.parent
    three = "count=3 first=1176 curr=6773 min=1017 max=6773 avg=2988.67 std=2676"
    many = "count=50 first=1176 curr=1300 min=1017 max=6773 avg=2988.67 std=900"
    many += " p5=1018 median=1400 p95=2000"
    run = (here / "run.txt").read_text()
    (folder / "run.txt").write_text(run)
    (folder / "fifty.txt").write_text(run.replace(three, many))
    (folder / "usage.txt").write_text((here / "usage.txt").read_text())
    tool = folder / "benchmark_model"
    tool.write_text(
        STAND_IN.read_text()
        .replace('sed "s|', 'case "$*" in *num_runs=50*) said=fifty;; *) said=run;; esac\nsed "s|')
        .replace("/run.txt", "/$said.txt")
    )
    tool.chmod(0o755)
    return tool


def test_the_official_tools_statistics_are_kept_where_its_values_cannot_be(
    store: Store, tmp_path: Path
) -> None:
    suite = Suite(
        name="s", models=("*",), delegates=(Delegate.NONE,), protocol=QUICK, conventional=True
    )
    plan = host_sweep(
        RunRequest(suite=suite, targets=(bare_target(TINY),)),
        ToolRequest(binary=fifty(tmp_path)),
    )
    (found,) = results(store, measured(plan, store))
    assert found.failures == ()
    said = found.conventional
    assert said is not None
    assert (said.runs, said.avg_us, said.min_us, said.max_us, said.std_us) == (
        50, 2988.67, 1017, 6773, 900,
    )  # fmt: skip
    assert (said.p5_us, said.median_us, said.p95_us) == (1018, 1400, 2000)
    # The three values are 1176, 1017 and 6773, their median 1176: the mean is far off.
    (caveat,) = [each for each in found.caveats if each.kind is CaveatKind.CONVENTION_DIFFERS]
    assert "+154.1%" in caveat.evidence
    stored = {each.case.protocol.mode: each.outcome for each in store.invocations()}
    outcome = stored[Mode.CONVENTIONAL]
    assert isinstance(outcome, Measured)
    assert outcome.inference_us == ()


def spoil(store: Store, number: int) -> None:
    """Makes a stored process what heat makes of it: invalid."""
    found = store.invocations()[number]
    assert isinstance(found.outcome, Measured)
    store.add_outcome(found.id, replace(found.outcome, caveats=(Caveat(kind=INVALID),)))


def test_invalid_processes_of_a_session_are_repeated_and_never_averaged(store: Store) -> None:
    plan = swept(Suite(name="s", models=("*",), protocol=QUICK), TINY, SPLIT)
    session = measured(plan, store)
    spoil(store, 0)
    spoiled = store.invocations()[0]
    # The session is not finished any more, whoever made it so: it is gone on with.
    assert open_session(plan, store).id == session.id
    seen: list[tuple[int, int]] = []
    measure(plan, session, store, HostDevice(plan), on_progress=lambda *now: seen.append(now))
    assert seen == [(5, 5)]
    found = {each.case.key: each for each in results(store, session)}[spoiled.case.key]
    assert found.summary is not None
    assert found.summary.processes == 2
    assert found.discarded == 1
    assert [each.kind for each in found.discards] == [INVALID]
    assert not any(each.kind is INVALID for each in found.caveats)
    valid = [
        median(each.outcome.inference_us)
        for each in store.invocations()
        if each.case == spoiled.case
        and isinstance(each.outcome, Measured)
        and each.outcome.is_valid
    ]
    assert found.summary.latency_us_median == median(valid)
    assert store.invocations()[-1].case.key == spoiled.case.key
    assert open_session(plan, store).id != session.id


def test_a_case_whose_processes_all_are_invalid_has_no_number_and_is_bad(store: Store) -> None:
    plan = swept(Suite(name="s", models=("*",), protocol=replace(QUICK, max_repeats=0)), TINY)
    session = measured(plan, store)
    assert not any(each.is_bad for each in results(store, session))
    spoil(store, 0)
    spoil(store, 1)
    (found,) = results(store, session)
    assert (found.summary, found.discarded, found.failed) == (None, 2, 0)
    assert found.is_bad
    assert open_session(plan, store).id != session.id  # nothing is left to be repeated


def test_processes_go_on_to_the_cap_and_an_interval_that_stays_wide_is_told(store: Store) -> None:
    protocol = replace(QUICK, processes=6, ci_width=0.0001, max_processes=8)
    plan = swept(Suite(name="s", models=("*",), protocol=protocol), TINY)
    session = open_session(plan, store)

    def stopped(done: int, total: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(plan, session, store, HostDevice(plan), on_progress=stopped)
    assert open_session(plan, store).id == session.id
    measure(plan, session, store, HostDevice(plan))
    assert [each.ordinal for each in store.invocations(session.id)] == list(range(8))
    (found,) = results(store, session)
    assert CaveatKind.WIDE_INTERVAL in {each.kind for each in found.caveats}
    assert open_session(plan, store).id != session.id


def test_sessions_of_one_case_tell_how_far_apart_they_were(store: Store) -> None:
    plan = swept(Suite(name="s", models=("*",), protocol=QUICK), TINY)
    first = measured(plan, store)
    (alone,) = results(store, first)
    assert alone.spread is None
    second = measured(plan, store)
    medians = [
        each.summary.latency_us_median
        for session in (first, second)
        for each in results(store, session)
        if each.summary is not None
    ]
    (found,) = results(store, second)
    assert found.spread is not None
    assert found.spread.sessions == 2
    middle = sum(medians) / 2
    assert found.spread.range_ratio == pytest.approx((max(medians) - min(medians)) / middle)


def test_a_tool_that_ignores_the_number_of_threads_is_found_out(
    handset: Running, tmp_path: Path
) -> None:
    # It echoes what it was asked for and is as fast with four threads as with one.
    tool = stand_in(tmp_path, 'case "$*" in *num_threads=4*) n=4;; *) n=1;; esac')
    tool.write_text(
        tool.read_text()
        .replace("Num threads: [1]", "Num threads: [$n]")
        .replace("CPU inference: [1]", "CPU inference: [$n]")
    )
    suite = replace(SUITE, threads=(1, 4), protocol=replace(SUITE.protocol, processes=6))
    done = phone_sweep([handset.serial], wanted(tool, TINY, suite=suite), tmp_path / "t.db")
    (found,) = done.cases.values()
    assert [each.case.threads for each in found] == [1, 4]
    for each in found:
        assert each.failures == ()
        (doubt,) = [c for c in each.caveats if c.kind is CaveatKind.THREADS_CHANGE_NOTHING]
        assert doubt.evidence.startswith("with 1, 4 threads it took 1.18 to 1.18 ms")


def test_the_verb_prints_modes_spread_and_exact_sizes(
    zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text('name: s\nmodels: ["*"]\nprotocol: {warmup_min_secs: 0, max_secs: 5}\n')
    words = ["run", str(suite), "--host", "--zoo", str(zoo.root), "--db", str(tmp_path / "v.db")]
    words += ["--processes", "2", "--ci-width", "90%", "--max-processes", "3"]
    assert main(words) == 0
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (timed,) = document["sessions"][0]["cases"]
    assert (timed["protocol"]["mode"], timed["processes"]) == ("back-to-back", 3)
    assert timed["protocol"]["ci_width"] == 0.9
    assert timed["exact"] == {"size_bytes": TINY.stat().st_size, "parameters": 232}
    assert timed["between_sessions"]["sessions"] == 2
    assert timed["latency_us_p5"] <= timed["latency_us_p90"] <= timed["latency_us_p95"]
    assert main([*words, "--cold"]) == 0
    told = capsys.readouterr()
    widest = max(map(len, told.out.splitlines()))
    assert widest <= 120
    for word in ("median", "sessions", "p90", "between", "peak", "size", "weights"):
        assert word in told.out
    assert "the medians of 3 sessions" in told.err
