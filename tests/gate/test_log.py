import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.simulated import block, logged, opened, student
from support.gate_logs import to_text

from bench.core.errors import ConfigurationError
from bench.core.score import Difference
from bench.gate.log import Log, from_bytes, to_line
from bench.gate.records import (
    Closed,
    CloseReason,
    Discarded,
    Explained,
    Lost,
    ModelFailed,
    Operator,
    Process,
    Resumed,
    Scored,
    SideFacts,
    Unmeasured,
)
from bench.gate.rule import Rule
from bench.gate.verdict import Verdict

FIRST, SECOND = student(0), student(1)


def small() -> Log:
    """Returns a log with a record of every kind."""
    return Log(
        opened=opened(Rule(), models=2),
        entries=(
            block(FIRST, 0, candidate_first=True, baseline_us=20_000, candidate_us=20_100.5),
            Discarded(
                model=SECOND,
                index=0,
                candidate_first=False,
                reasons=("throttled: the cap of cores 4-7 fell", "busy"),
            ),
            Scored(
                model=FIRST,
                task_set="quick",
                task_set_sha256="0" * 64,
                runtime="litert 2.1.6",
                differences=(Difference(task="mean", value=-0.01, low=-0.02, high=0.0),),
            ),
            Explained(
                model=SECOND,
                baseline=SideFacts(layers=(Operator(node_type="ADD", name="sum", macs=0),)),
                candidate=SideFacts(
                    operators=(Operator(node_type="ADD", name="sum", avg_us=0.5),), init_us=1e4
                ),
            ),
            Lost(reason="the cable was pulled"),
            Resumed(session_id="session"),
            block(SECOND, 1, candidate_first=False, baseline_us=1 / 3, candidate_us=1e9),
            Closed(reason=CloseReason.INTERRUPTED),
            Resumed(session_id="session"),
            ModelFailed(model=SECOND, reason="candidate: crashed: signal 11"),
            Closed(reason=CloseReason.OUT_OF_TIME),
        ),
    )


def test_a_log_reads_back_as_it_was_and_writes_the_same_bytes() -> None:
    text = to_text(small())
    again = from_bytes(text.encode(), source="log")
    assert again == small()
    assert to_text(again) == text
    assert all(line.startswith('{"version":2,"kind":"') for line in text.splitlines())


def test_a_whole_number_given_for_a_float_is_written_as_it_will_be_read() -> None:
    one = block(FIRST, 0, candidate_first=True, baseline_us=20_000, candidate_us=20_000.0)
    assert '"value_us":20000.0' in to_line(one)


def test_a_record_of_a_discarded_block_has_no_place_for_a_latency() -> None:
    line = json.loads(to_line(small().entries[1]))
    assert set(line) == {"version", "kind", "model", "index", "candidate_first", "reasons"}
    with pytest.raises(ConfigurationError, match="line 2: unknown key value_us"):
        from_bytes(
            (to_line(small().opened) + json.dumps({**line, "value_us": 1.0}) + "\n").encode(),
            source="log",
        )


@given(st.integers(0, 4_000))
def test_a_torn_last_line_is_left_out_wherever_the_kill_came(cut: int) -> None:
    content = to_text(small()).encode()
    cut = min(cut, len(content))
    kept = content[:cut]
    whole = kept[: kept.rfind(b"\n") + 1]
    if not whole:
        with pytest.raises(ConfigurationError, match="line 1 does not open a gate"):
            from_bytes(kept, source="log")
        return
    found = from_bytes(kept, source="log")
    assert found.torn == (kept != whole)
    assert to_text(found).encode() == whole


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", "line 2 is not JSON"),
        (b"\xff\xfe", "line 2 is not JSON"),
        (b"", "line 2 is not JSON"),
        (b"[" * 100_000, "line 2 is not JSON"),
        (b"[1]", "line 2 is not a JSON object"),
        (b'{"version":2,"kind":"lost","reason":NaN}', "line 2 is not JSON"),
        (b'{"version":2,"kind":"lost","reason":1e999}', "line 2 is not JSON"),
        (b'{"kind":"lost","reason":"x"}', "line 2 has version None, not 1 or 2"),
        (b'{"version":true,"kind":"lost","reason":"x"}', "line 2 has version True"),
        (b'{"version":3,"kind":"lost","reason":"x"}', "line 2 has version 3, not 1 or 2"),
        (b'{"version":2,"kind":"loss","reason":"x"}', "line 2: .*did you mean 'lost'"),
        (b'{"version":2,"kind":["lost"],"reason":"x"}', "line 2: .* is not one of"),
        (b'{"version":2,"kind":"lost","why":"x"}', "line 2: .*why"),
        (b'{"version":2,"kind":"closed","reason":"bored"}', "line 2: .*bored"),
        (to_line(opened(Rule(), models=2)).strip().encode(), "line 2 opens another gate"),
        (b'{"version":2,"kind":"discarded","model":{"name":"x","format":"int8"},"index":0,"candidate_first":true,'
         b'"reasons":["hot"]}', "line 2: x int8 is not in the first line"),
        (b'{"version":2,"kind":"discarded","model":{"name":"student00","format":"int8"},"index":0,'
         b'"candidate_first":true,"reasons":[]}', "line 2: a discarded block needs a reason"),
        (b'{"version":2,"kind":"discarded","model":{"name":"student00","format":"int8"},"index":1,'
         b'"candidate_first":true,"reasons":["hot"]}', "line 2: attempt 1 of .* where 0 was due"),
        (b'{"version":2,"kind":"failed","model":{"name":"x","format":"int8"},"reason":"crashed"}',
         "line 2: x int8 is not in"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_named(line: bytes, problem: str) -> None:
    content = to_line(opened(Rule(), models=2)).encode() + line + b"\n"
    with pytest.raises(ConfigurationError, match=f"(?s)some.jsonl: {problem}") as error:
        from_bytes(content, source="some.jsonl")
    assert error.value.hint
    # A broken line is an error even where it is the last: its line feed says that it was written.
    assert error.value.exit_code == 2


@given(st.data())
def test_a_log_with_any_byte_changed_is_read_or_refused_and_never_crashes(
    data: st.DataObject,
) -> None:
    content = bytearray(to_text(small()).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = from_bytes(bytes(content), source="log")
    except ConfigurationError:
        return
    assert from_bytes(to_text(found).encode(), source="log") == replace(found, torn=False)


def test_a_log_without_its_first_line_is_refused() -> None:
    lines = to_text(small()).splitlines(keepends=True)
    for content in ("", "".join(lines[1:])):
        with pytest.raises(ConfigurationError, match="line 1 does not open a gate"):
            from_bytes(content.encode(), source="log")


def test_a_closed_gate_continues_only_if_it_is_resumed() -> None:
    log = small()
    one = block(FIRST, 1, candidate_first=True, baseline_us=1, candidate_us=1)
    with pytest.raises(ConfigurationError, match="line 13: continues after the gate was closed"):
        log.then(one)
    assert log.then(Resumed(session_id="session")).then(one).closed is None
    assert log.closed is CloseReason.OUT_OF_TIME


def test_a_model_that_failed_has_no_more_blocks() -> None:
    failed = Log(opened=opened(Rule(), models=2)).then(ModelFailed(model=FIRST, reason="crashed"))
    with pytest.raises(ConfigurationError, match=r"line 3: .* failed before"):
        failed.then(block(FIRST, 0, candidate_first=True, baseline_us=1, candidate_us=1))
    failed.then(block(SECOND, 0, candidate_first=True, baseline_us=1, candidate_us=1))


def test_models_that_are_not_measured_are_in_the_log() -> None:
    first = replace(
        opened(Rule(), models=1), unmeasured=(Unmeasured(model=SECOND, verdict=Verdict.NEW),)
    )
    assert from_bytes(to_line(first).encode(), source="log").opened == first


def test_a_model_that_could_have_been_compared_is_not_listed_as_unmeasured() -> None:
    with pytest.raises(ConfigurationError, match="same is not a reason not to measure"):
        Unmeasured(model=SECOND, verdict=Verdict.SAME)


def test_lines_of_two_versions_are_not_one_log() -> None:
    content = to_line(opened(Rule(), models=2)) + '{"version":1,"kind":"lost","reason":"x"}\n'
    with pytest.raises(ConfigurationError, match="line 2 has another version than line 1"):
        from_bytes(content.encode(), source="log")


def test_a_block_has_as_many_processes_of_each_side_as_the_rule_says() -> None:
    one = block(FIRST, 0, candidate_first=True, baseline_us=1, candidate_us=1)
    log = Log(opened=opened(Rule(processes_per_side=3), models=2))
    with pytest.raises(ConfigurationError, match="1 processes per side where the rule has 3"):
        log.then(one)
    with pytest.raises(ConfigurationError, match="equally many"):
        replace(one, baseline=one.baseline * 2)
    with pytest.raises(ConfigurationError, match="that the coin chose"):
        replace(one, candidate_first=False)


@pytest.mark.parametrize("value_us", [0.0, -1.0, math.nan, math.inf])
def test_a_latency_is_a_duration(value_us: float) -> None:
    with pytest.raises(ConfigurationError, match="is not a duration"):
        Process(value_us=value_us, position=0, invocation=1)


def test_models_are_named_once_and_there_is_one() -> None:
    first = opened(Rule(), models=1)
    with pytest.raises(ConfigurationError, match="student00 int8 is listed twice"):
        replace(first, models=first.models * 2)
    with pytest.raises(ConfigurationError, match="without models"):
        replace(first, models=())


def test_a_whole_gate_of_thirty_models_reads_back() -> None:
    rng = np.random.default_rng(0)
    log = logged(rng, rng.normal(0, 0.03, (30, 60)), Rule())
    text = to_text(log)
    assert to_text(from_bytes(text.encode(), source="log")) == text
