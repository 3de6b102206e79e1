"""Gates of stretches of minutes: the last minute of a side against that of the other."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from support.gate_logs import to_text
from support.gate_machine import Machine, planned

from bench.flow.device.sweep import Sweep
from bench.flow.gate.gate import Gate, log_of
from bench.flow.gate.log_file import read
from bench.gate.findings import latency_findings
from bench.gate.log import Log, from_bytes
from bench.gate.ranks import ranks_of
from bench.gate.records import Block, Statistic
from bench.gate.rule import Rule
from bench.gate.verdict import Undecided, Verdict
from bench.plan.case import Case, Mode, Protocol
from bench.store.store import Store
from bench.tool.host import Execution
from reports.gate.gate_report import gate_report
from reports.gate.page import to_html
from reports.gate.step_summary import to_markdown

SLICES = 8
PROTOCOL = Protocol(mode=Mode.SUSTAINED, processes=SLICES, num_runs=3, min_secs=0.1)


@dataclass
class Throttling(Machine):
    """A machine on which files throttle after half a stretch, by shares of their own."""

    throttled: dict[str, float] = field(default_factory=dict)
    since: int = 0
    starts: int = 0

    def require_ready(self) -> None:
        """Cools down."""
        self.since, self.starts = 0, self.starts + 1

    def run(self, case: Case, command: tuple[str, ...] | None = None) -> Execution:
        self.since += 1
        hot = self.since > SLICES // 2 and case.protocol.mode is Mode.SUSTAINED
        self.times = 1 + (self.throttled.get(case.artifact_sha256, 0.0) if hot else 0.0)
        return super().run(case, command)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "gate.db") as opened:
        yield opened


def sustained(folder: Path, *names: str) -> tuple[Gate, Sweep]:
    gate, sweep = planned(folder, *names, rule=Rule().for_models(len(names)))
    cases = tuple(replace(each, protocol=PROTOCOL) for each in sweep.cases)
    return gate, replace(sweep, cases=cases)


def gated(gate: Gate, sweep: Sweep, store: Store, machine: Machine) -> Log:
    session = gate.open_session(sweep, store)
    gate.measure(sweep, session, store, machine)
    return read(log_of(store, session))


def test_a_candidate_that_throttles_is_slower_in_its_last_minute_and_a_warm_phone_is_not(
    store: Store, tmp_path: Path, machine: Machine
) -> None:
    gate, sweep = sustained(tmp_path, "own", "warm")
    own, warm = gate.comparison.pairs
    throttling = Throttling(
        real=machine.real,
        throttled={
            own.candidate.sha256: 0.3,
            # Heat that comes from outside slows both sides.
            warm.baseline.sha256: 0.2,
            warm.candidate.sha256: 0.2,
        },
    )
    log = gated(gate, sweep, store, throttling)
    slower, same = latency_findings(log)
    assert (slower.verdict, same.verdict) == (Verdict.REGRESSED, Verdict.SAME)
    assert slower.change is not None
    assert slower.change.value == pytest.approx(1.3, abs=0.02)
    assert slower.evidence is not None
    start = slower.evidence.start_ratio
    assert start is not None
    assert start.value == pytest.approx(1.0, abs=0.02)
    assert "it slows down more than the baseline" in slower.why[0]
    blocks = [each for each in log.entries if isinstance(each, Block)]
    assert throttling.starts == 2 * len(blocks)  # each stretch begins cool
    assert log.opened.models[0].observed.statistic is Statistic.SUSTAINED
    # The places in the first and in the last minute are in every output.
    ranks = {each.model.name: (each.first, each.last) for each in ranks_of(log)}
    assert sorted(first for first, _ in ranks.values()) == [1, 2]
    assert (ranks["own"][1], ranks["warm"][1]) == (2, 1)
    assert from_bytes(to_text(log).encode(), source="log") == log
    report = gate_report(
        log, latency_findings(log), seconds=1.0, exit_code=1, undecided=Undecided.WARN
    )
    assert "Ranks in the first and in the last minute" in to_html(report)
    assert "Ranks in the first and in the last minute" in to_markdown(report)
