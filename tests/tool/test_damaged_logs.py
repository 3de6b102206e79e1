"""Logs that were cut, mixed, re-encoded or made up: what is believed must be right."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.tool.parse import ToolLog, parse_bytes, parse_file, parse_log

LOGS = Path(__file__).parent.parent / "data" / "benchmark_logs"
GOOD = sorted(path for path in LOGS.glob("*.txt") if parse_file(path).ok)
RECOMMENDED = LOGS / "67_tf2.14.1_three_runs_recommended.txt"

microseconds = st.integers(min_value=1, max_value=33_000)


def lines_of(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return [line for line in text.splitlines(keepends=True) if not line.startswith("# ")]


def inferences(log: ToolLog) -> dict[str, object]:
    return {
        name: value
        for name, value in asdict(log).items()
        if name in ("runs", "percentiles_us") or name.startswith("inference_")
    }


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem[:12])
def test_a_log_cut_after_any_line_gives_the_whole_result_or_none(path: Path) -> None:
    lines, whole = lines_of(path), parse_file(path)
    for end in range(len(lines)):
        cut = parse_log("".join(lines[:end]))
        if cut.ok:
            assert inferences(cut) == inferences(whole)
        else:
            told = inferences(cut)
            assert told["inference_avg_us"] in (None, whole.inference_avg_us)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem[:12])
def test_a_log_cut_inside_a_line_never_gives_another_result(path: Path) -> None:
    text, whole = "".join(lines_of(path)), parse_file(path)
    for end in range(0, len(text), 7):
        cut = parse_log(text[:end])
        assert not cut.ok or inferences(cut) == inferences(whole)


def test_both_streams_may_be_mixed_in_any_order_of_whole_lines() -> None:
    out = lines_of(LOGS / "16_tf2.18dev_linux_info_prefix.txt")
    err = [line for line in out if "XNNPACK" in line]
    rest = [line for line in out if "XNNPACK" not in line]
    expected = parse_log("".join(out))
    for seed in range(20):
        mixed, generator = list(rest), random.Random(seed)  # noqa: S311 - no secret
        for line in err:
            mixed.insert(generator.randint(0, len(mixed)), line)
        assert parse_log("".join(mixed)) == expected
    assert parse_log("".join(rest), "".join(err)) == expected


@pytest.mark.parametrize("ending", [b"\r\n", b"\r\r\n"])
def test_line_ends_do_not_matter(ending: bytes) -> None:
    content = RECOMMENDED.read_bytes()
    assert parse_bytes(content.replace(b"\n", ending)) == parse_bytes(content)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_at_the_start_of_a_file_do_not_matter(encoding: str) -> None:
    text = RECOMMENDED.read_text(encoding="utf-8")
    assert parse_bytes(text.encode(encoding)) == parse_file(RECOMMENDED)


def test_bytes_that_are_no_text_do_not_hide_the_rest() -> None:
    content = RECOMMENDED.read_bytes()
    assert parse_bytes(b"\xff\x80ERROR?\n" + content + b"\xc3\x28\n") == parse_bytes(content)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"no benchmark here\n"])
def test_text_of_no_benchmark_is_not_trusted(content: bytes) -> None:
    log = parse_bytes(content)
    assert (log.ok, log.dialect, log.runs) == (False, "unknown", None)


HEADS = {
    "severity": "INFO: ",
    "threadtime": "01-23 12:34:56.789  1234  1234 I tflite  : ",
    "threadtime with a user": "01-23 12:34:56.789  u0_a1  1234  1234 I tflite  : ",
    "threadtime with a year": "2026-01-23 12:34:56.789 +0100  1234  1235 E tflite  : ",
    "epoch": "1769168096.789  1234  1234 I tflite  : ",
    "time": "01-23 12:34:56.789 I/tflite  ( 1234): ",
    "brief": "I/tflite  (12345): ",
    "tag": "I/tflite  : ",
    "cut": "I tflite  : ",
    "old studio": "2026-01-23 12:34:56.789 1234-1234/org.tensorflow.lite.benchmark E/tflite: ",
    "new studio": "2026-01-23 12:34:56.789  1234-1234  tflite  org.tensorflow  I  ",
    "source": "INFO: [benchmark_model.cc:12] ",
    "indent": "    ",
    "thread": "I( 1234: 1235) ",
    "studio without an app": "2026-01-23 12:34:56.789  1234-1234 tflite  I  ",
    "time without a date": "12:34:56.789 I/tflite  ( 1234): ",
    "quotation": "> ",
    "quotation of a quotation": ">> ",
    "quoted logcat": "> 01-23 12:34:56.789  1234  1234 I tflite  : ",
    "list": "- `",
    "colour and erasure": "\x1b[0K\x1b[1;32m",
    "no-break spaces": "\xa0\xa0",
    "glog": "I0000 00:00:1758123456.123456   12345 benchmark_model.cc:123] ",
    "absl": "I1122 10:11:12.123456 12345 benchmark_model.cc:123] ",
    "workflow": "2026-01-23T12:34:56.1234567Z ",
    "time zone": "2026-01-23T12:34:56+01:00 ",
    "date and time in brackets": "[2026-01-23 12:34:56.123] ",
    "time of day": "[12:34:56] ",
    "seconds": "[   12.345678] ",
    "syslog": "Jan 23 12:34:56 rpi4 bench.sh[1234]: ",
    "python logging": "INFO:root:",
    "python logging with a date": "2026-01-23 12:34:56,789 - bench.run - INFO - ",
    "python logging without a name": "2026-01-23 12:34:56,789 INFO ",
    "level in brackets": "[INFO] ",
    "loguru": "2026-01-23 12:34:56.789 | INFO     | bench.run:call:12 - ",
    "docker compose": "bench_1  | ",
    "grep -n": "12:",
    "cat -n": "    12\t",
}
PASTES = {
    "fenced": lambda text: f"```shell\n{text}```\n",
    "fenced without line ends": lambda text: f"```{text.rstrip()}```",
    "preformatted": lambda text: f"<pre><code>{text}</code></pre>",
    "between prompts": lambda text: f"pi@pi:~$ ./benchmark_model --graph=m.tflite\n{text}pi@pi:~$ ",
    "backslashes": lambda text: text.replace("\n", " \\\n"),
    "trailing spaces": lambda text: text.replace("\n", "  \n"),
    "double spacing": lambda text: text.replace("\n", "\n\n"),
    "no-break spaces": lambda text: text.replace(" ", "\xa0"),
    "zero-width spaces": lambda text: text.replace("\n", "\u200b\n"),
    "line separators": lambda text: text.replace("\n", "\u2028"),
    "null bytes": lambda text: text.replace("", "\0"),
    "a window's title": lambda text: f"\x1b]0;pi@pi: ~\x07{text}",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
def test_what_stands_before_a_line_does_not_change_its_values(head: str) -> None:
    plain = [line.removeprefix("INFO: ") for line in lines_of(RECOMMENDED)]
    read = parse_log("".join(head + line for line in plain))
    assert replace(read, logcat=False) == parse_file(RECOMMENDED)
    assert read.logcat == ("tflite" in head or head == HEADS["thread"])


@pytest.mark.parametrize("paste", PASTES.values(), ids=PASTES.keys())
def test_how_a_log_was_pasted_does_not_change_its_values(paste: Callable[[str], str]) -> None:
    assert parse_log(paste("".join(lines_of(RECOMMENDED)))) == parse_file(RECOMMENDED)


@pytest.mark.parametrize("first", ["Running benchmark for at least 3", "count=3"])
def test_a_log_that_lost_its_head_keeps_its_statistics(first: str) -> None:
    _, found, rest = "".join(lines_of(RECOMMENDED)).partition(first)
    log = parse_log(found + rest)
    assert log.ok, log.failure
    assert inferences(log) == inferences(parse_file(RECOMMENDED))


def test_a_quoted_log_beside_another_is_a_second_run() -> None:
    text = "".join(lines_of(RECOMMENDED))
    quoted = "".join(f"> {line}" for line in lines_of(RECOMMENDED))
    log = parse_log(quoted + text)
    assert log.failure is not None
    assert log.failure.startswith("several-runs: ")


def logcat(path: Path, pid: int) -> list[str]:
    return [f"01-23 12:34:56.789  {pid}  {pid} I tflite  : {line}" for line in lines_of(path)]


def test_of_two_processes_in_logcat_the_one_that_ended_counts() -> None:
    killed = logcat(LOGS / "05_tf2.5rc3_gpu_linux.txt", 11)
    ended = logcat(RECOMMENDED, 22)
    mixed = [line for pair in zip(killed, ended, strict=False) for line in pair]
    log = parse_log("".join([*mixed, *killed[len(ended) :], *ended[len(killed) :]]))
    assert replace(log, logcat=False) == parse_file(RECOMMENDED)


@pytest.mark.parametrize("name", [RECOMMENDED.name, "05_tf2.5rc3_gpu_linux.txt"])
def test_two_like_processes_in_logcat_give_no_numbers(name: str) -> None:
    log = parse_log("".join([*logcat(LOGS / name, 11), *logcat(LOGS / name, 22)]))
    assert log.failure is not None
    assert log.failure.startswith("several-runs: ")
    assert (log.runs, log.init_us, log.inference_avg_us) == (None, None, None)


def rendered(values: list[int]) -> str:
    """The statistics line as the tool writes it: std truncated, mean with six digits."""
    n, mean = len(values), sum(values) / len(values)
    if n == 1:
        return f"count=1 curr={values[0]}"
    if len(set(values)) == 1:
        return f"count={n} curr={values[0]}(all same)"
    std = int((sum(value * value for value in values) / n - mean * mean) ** 0.5)
    return (
        f"count={n} first={values[0]} curr={values[-1]} min={min(values)} max={max(values)} "
        f"avg={mean:g} std={std}"
    )


def printed(warmup: list[int], values: list[int]) -> str:
    means = [f"{sum(each) / len(each):g}" for each in (warmup, values)]
    return (
        f"Running benchmark for at least 1 iterations and at least 0 seconds\n{rendered(warmup)}\n"
        f"\nRunning benchmark for at least {len(values)} iterations and at least 0 seconds\n"
        f"{rendered(values)}\n\nInference timings in us: Init: 7, First inference: {warmup[0]}, "
        f"Warmup (avg): {means[0]}, Inference (avg): {means[1]}\n"
    )


@given(
    warmup=st.lists(microseconds, min_size=1, max_size=9),
    values=st.lists(microseconds, min_size=1, max_size=3),
)
def test_up_to_three_runs_are_recovered_exactly_and_in_order(
    warmup: list[int], values: list[int]
) -> None:
    log = parse_log(printed(warmup, values))
    assert log.ok, log.failure
    assert log.inference_us == tuple(float(value) for value in values)
    assert (log.warmup_runs, log.first_us) == (len(warmup), warmup[0])


@given(values=st.lists(st.integers(min_value=100_000, max_value=999_999), min_size=3, max_size=3))
def test_three_runs_below_a_second_are_recovered_within_two_microseconds(
    values: list[int],
) -> None:
    log = parse_log(printed([500_000], values))
    assert log.ok, log.failure
    assert log.inference_us == pytest.approx(tuple(values), abs=2)


@given(values=st.lists(microseconds, min_size=4, max_size=60))
def test_more_runs_give_their_statistics_and_no_made_up_values(values: list[int]) -> None:
    log = parse_log(printed([1, 2], values))
    assert log.ok, log.failure
    assert (log.runs, log.inference_min_us) == (len(values), min(values))
    assert log.inference_us is None or len(set(values)) == 1


@given(content=st.binary(max_size=200))
def test_random_bytes_are_never_an_error_and_never_a_result(content: bytes) -> None:
    assert not parse_bytes(content).ok


FRAGMENTS = st.sampled_from(
    [
        *(line.rstrip("\n") for path in (*GOOD[:4], RECOMMENDED) for line in lines_of(path)),
        "count=",
        f"count={'9' * 5000}",
        "count=999999999999999999 curr=5(all same)",
        f"Inference timings in us: Init: 1e{'9' * 9}, First inference: 1, Warmup (avg): 1, "
        "Inference (avg): 1",
        '{"tool":"frill-bench-litert-runner","schema_version":1,"init_us":1,"warmup_us":[1e308],'
        '"inference_us":[1e308,1e308],"cpu_us":[]}',
        "count=3 first=1",
        "Replacing 9 out of",
        '{"tool":"frill-bench-litert-runner","inference_us":[NaN]}',
        '{"accelerators": 1, "latency": {"num_runs": "x"}}',
        "Use gpu: [1]",
    ]
)


@given(pieces=st.lists(FRAGMENTS | st.text(max_size=20), max_size=30))
def test_a_shuffle_of_real_lines_is_never_an_error(pieces: list[str]) -> None:
    log = parse_log("\n".join(pieces))
    assert log.ok == (log.failure is None)
