from dataclasses import replace
from math import log
from typing import Any

import numpy as np
import pytest
from lab.simulated import block, opened

from bench.core import config
from bench.core.errors import ConfigurationError
from bench.gate.log import Log
from bench.gate.records import Block, Failed
from bench.gate.rule import Rule
from bench.gate.series import ANCHOR, Environment, Night, environment, nights, series
from bench.gate.verdict import judge

HERE = Environment(
    device_unit="one", processor="GS101, 8 cores", fingerprint="build 1", runtime="LiteRT 2.3",
    tool_sha256="a" * 64, delegate="xnnpack", threads="1", cores="4-7", clocks="free",
    statistic="median wall time",
)  # fmt: skip


def on(day: int, environment: Environment = HERE, **changed: Any) -> Night:
    known: dict[str, Any] = {
        "model": "tiny int8",
        "started_at": f"2026-05-{day:02}T03:00:00+00:00",
        "session_id": f"session {day}",
        "environment": environment,
        "log_ratio": 0.01 * day,
        "low": None,
        "high": None,
        "candidate_sha256": "c" * 64,
        "anchor_sha256": "b" * 64,
        "revision": f"r{day}",
    }
    return Night(**{**known, **changed})


def blocks(model: str, *, candidate_us: float) -> tuple[Block, ...]:
    return tuple(
        block(model, n, candidate_first=n % 2 == 0, baseline_us=1000, candidate_us=candidate_us)
        for n in range(6)
    )


def dated(gate: Log) -> Log:
    """Returns a made-up gate's log with what a real one tells of device, tool and time."""
    told = {"tool": "a" * 64, "threads": "1", "cores": "4-7"}
    pairs = tuple(replace(pair, observed={**pair.observed, **told}) for pair in gate.opened.models)
    changed = replace(
        gate.opened,
        device={"serial": "one", "cpu": "GS101", "cores": 8.0, "os_build": "build 1"},
        models=pairs,
        started_at="2026-05-01T03:00:00+00:00",
        revision="r1",
    )
    return replace(gate, opened=changed)


def test_nights_of_one_environment_are_one_series_in_the_order_of_time() -> None:
    # Noon in Tokyo is before four in the morning, UTC.
    early = on(2, started_at="2026-05-02T12:00:00+09:00")
    late = on(3, started_at="2026-05-02T04:00:00+00:00")
    (found,) = series([late, on(9), early])
    assert found.nights == (early, late, on(9))
    assert found.changed == ()
    assert found.log_ratios == pytest.approx([0.02, 0.03, 0.09])
    assert series([]) == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("device_unit", "another"), ("fingerprint", "build 2"), ("runtime", "LiteRT 2.4"),
        ("tool_sha256", "d" * 64), ("delegate", "none"), ("threads", "2"), ("cores", "all"),
        ("statistic", "least CPU time"), ("processor", "GS101, 4 cores"), ("clocks", "held"),
        ("anchor_tool_sha256", "e" * 64),
    ],
)  # fmt: skip
def test_another_environment_is_another_series_that_names_what_changed(
    field: str, value: str
) -> None:
    there = replace(HERE, **{field: value})
    first, second = series([on(1), on(2), on(3, there), on(4, there)])
    assert [len(first.nights), len(second.nights)] == [2, 2]
    assert (first.changed, second.changed) == ((), (field,))


def test_another_anchor_is_another_series_and_all_that_changed_is_named() -> None:
    there = replace(HERE, runtime="LiteRT 2.4", fingerprint="build 2")
    _, second = series([on(1), on(2, there, anchor_sha256="e" * 64)])
    assert second.changed == ("fingerprint", "runtime", ANCHOR)


def test_a_series_goes_on_when_its_environment_comes_back() -> None:
    failed = replace(HERE, delegate="none")
    first, second = series([on(1), on(2, failed), on(3)])
    assert first.nights == (on(1), on(3))
    assert second.nights == (on(2, failed),)
    other = replace(HERE, device_unit="two")
    taking_turns = [on(day, other if day % 2 else HERE) for day in range(1, 21)]
    assert [len(each.nights) for each in series(taking_turns)] == [10, 10]


@pytest.mark.parametrize(
    "changed",
    [
        {"started_at": "2026-05-02T03:00:00"},
        {"started_at": "yesterday"},
        {"log_ratio": float("nan")},
        {"low": 0.2, "high": 0.3},
        {"low": -0.1, "high": 0.0},
    ],
)
def test_what_is_no_night_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as error:
        on(2, **changed)
    assert error.value.hint


def test_a_night_survives_a_file() -> None:
    first = on(1, low=0.0, high=0.02)
    assert config.structure(config.unstructure(first), Night, source="test") == first


def test_a_gate_against_the_anchor_is_a_night_of_each_model() -> None:
    first = opened(Rule(), models=2)
    _, there = first.models
    gate = dated(Log(opened=first, entries=blocks(there.key, candidate_us=1030)))
    (found,) = nights(gate)
    ratio = judge(gate).models[1].ratio
    assert ratio is not None
    assert np.exp(found.log_ratio) == pytest.approx(ratio.estimate)
    assert [found.low, found.high] == pytest.approx([log(1.03)] * 2)
    assert (found.model, found.revision) == (there.key, "r1")
    assert found.session_id == first.session_id
    assert found.anchor_sha256 == there.baseline_sha256
    assert found.candidate_sha256 == there.candidate_sha256


def test_a_model_that_failed_in_the_middle_has_no_night() -> None:
    first = opened(Rule(), models=1)
    (pair,) = first.models
    failed = Failed(model=pair.key, reason="candidate: no memory")
    gate = Log(opened=first, entries=(*blocks(pair.key, candidate_us=1030), failed))
    assert nights(dated(gate)) == ()


def test_the_environment_is_what_the_log_tells_of_device_and_pair() -> None:
    first = dated(Log(opened=opened(Rule(processes_per_arm=3), models=1))).opened
    observed = {
        **first.models[0].observed, "runtime": "ai-edge-litert 2.1.6", "baseline_tool": "f" * 64,
        "caveats": "fixed_performance virtual",
    }  # fmt: skip
    found = environment(first, replace(first.models[0], observed=observed))
    assert found == Environment(
        device_unit="one", processor="GS101, 8 cores", fingerprint="build 1",
        runtime="ai-edge-litert 2.1.6", tool_sha256="a" * 64, anchor_tool_sha256="f" * 64,
        delegate="xnnpack", threads="1", cores="4-7", clocks="held",
        statistic="median wall time, fastest of 3 processes",
    )  # fmt: skip
    machine = replace(first, device={**first.device, "serial": None, "name": "desk"})
    assert environment(machine, first.models[0]).device_unit == "desk"


@pytest.mark.parametrize("lacks", ["os_build", "tool", "started_at"])
def test_a_log_that_does_not_tell_where_or_when_it_was_measured_has_no_night(lacks: str) -> None:
    first = opened(Rule(), models=1)
    gate = dated(Log(opened=first, entries=blocks(first.models[0].key, candidate_us=1030)))
    device = {name: fact for name, fact in gate.opened.device.items() if name != lacks}
    (pair,) = gate.opened.models
    observed = {name: fact for name, fact in pair.observed.items() if name != lacks}
    changed = replace(gate.opened, device=device, models=(replace(pair, observed=observed),))
    if lacks == "started_at":
        changed = replace(changed, started_at="")
    with pytest.raises(ConfigurationError, match="does not tell"):
        nights(replace(gate, opened=changed))
