"""Pastes of several runs: where one ends, what belongs to which, and what it must not borrow."""

from __future__ import annotations

import json
import random
import re
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.tool.parse import ToolLog
from bench.tool.paste import PastedRun, read_paste

LOGS = Path(__file__).parent.parent / "data" / "benchmark_logs"
CPU = "16_tf2.18dev_linux_info_prefix"
SHORT = "67_tf2.14.1_three_runs_recommended"
KILLED = "05_tf2.5rc3_gpu_linux"
GPU = "03_tf2.4dev_gpu_arm32_full"
TAIL = """\
count=50 first=96719 curr=90158 min=89745 max=96719 avg=92571.2 std=1638
Inference timings in us: Init: 365972, First inference: 120877, Warmup (avg): 108605, Inference (avg): 92571.2
Peak memory footprint (MB): init=6.90625 overall=61.0547
"""  # noqa: E501 - as the tool prints it


def text_of(name: str) -> str:
    text = (LOGS / f"{name}.txt").read_text(encoding="utf-8")
    return "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("# "))


def read(text: str) -> list[PastedRun]:
    return read_paste(text.encode())


def logs(text: str) -> list[ToolLog]:
    return [run.log for run in read(text)]


def code(log: ToolLog) -> str | None:
    return log.failure and log.failure.partition(": ")[0]


@pytest.mark.parametrize("names", [(CPU, SHORT), (KILLED, CPU, KILLED), (GPU, CPU, SHORT, GPU)])
def test_runs_without_prompts_between_them_read_as_each_by_itself(names: tuple[str, ...]) -> None:
    alone = [log for name in dict.fromkeys(names) for log in logs(text_of(name))]
    found = logs("".join(map(text_of, names)))
    assert list(dict.fromkeys(map(repr, found))) == list(map(repr, alone))


def test_the_ends_of_several_logs_are_several_results() -> None:
    other = TAIL.replace("92571.2", "92571.3").replace("365972", "365973")
    first, second = logs(TAIL + other)
    assert (first.ok, first.inference_avg_us, first.init_us) == (True, 92571.2, 365972)
    assert (second.ok, second.inference_avg_us, second.init_us) == (True, 92571.3, 365973)


def test_the_end_of_a_log_with_the_warm_up_s_line_alone_is_not_a_result() -> None:
    warmup = "count=3 first=120877 curr=100000 min=96719 max=120877 avg=108605 std=9000\n"
    (log,) = logs(warmup + TAIL.partition("\n")[2])
    assert (log.ok, code(log), log.runs) == (False, "incomplete", None)


def test_the_end_of_a_log_is_not_a_result_where_it_could_be_the_warm_up() -> None:
    line = "count=50 first=500 curr=500 min=400 max=600 avg=500 std=50\n"
    timings = (
        "Inference timings in us: Init: 9, First inference: 500, Warmup (avg): 500, "
        "Inference (avg): 500\n"
    )
    (log,) = logs(line + timings)
    assert code(log) == "incomplete"


def test_two_statistics_lines_that_nothing_joins_are_of_no_phase() -> None:
    (log,) = logs("<...>\ncount=50 curr=9(all same)\n<...>\ncount=50 curr=8(all same)\n")
    assert (code(log), log.runs, log.inference_avg_us) == ("elided", None, None)


def test_a_command_asks_for_its_own_run_only() -> None:
    gpu = "$ ./benchmark_model --graph=m.tflite --use_gpu=true\n"
    cpu = "$ ./benchmark_model --graph=m.tflite\n"
    first, second = read(gpu + TAIL + cpu + TAIL)
    assert (code(first.log), first.log.requested_delegates) == ("delegate-not-seen", ("gpu",))
    assert (second.log.ok, second.log.requested_delegates) == (True, ())
    assert (first.command, second.command) == (gpu[2:].strip(), cpu[2:].strip())


@pytest.mark.parametrize(
    "prompt",
    [
        "$ ", "# ", "pi@pi:~$ ", "root@am62:/# ", "(venv) me@box:~/a b$ ", "[me@box dir]$ ",
        "oriole:/data/local/tmp $ ", "1|oriole:/ # ", "~/tf $ ", "localhost ~ # ", "sh-5.1# ",
        "C:\\tools>", "PS C:\\tools> ", "PS /home/me> ", "% ", "\u276f ",
        "\u279c  dir git:(main) \u2717 ", ">>> !", "In [3]: !", "!", "+ ", "++ ", "",
    ],
)  # fmt: skip
def test_every_prompt_begins_a_run_and_is_no_part_of_the_command(prompt: str) -> None:
    commands = [
        "./benchmark_model --graph=a.tflite --use_gpu=true",
        "LD_LIBRARY_PATH=. taskset f0 ./android_aarch64_benchmark_model_plus_flex --graph=b.tflite",
    ]
    text = "".join(f"{prompt}{command}\n{text_of(SHORT)}" for command in commands)
    runs = read(text)
    assert [run.command for run in runs] == commands
    assert [code(run.log) for run in runs] == ["delegate-not-seen", None]


@pytest.mark.parametrize(
    "command",
    [
        "adb push benchmark_model /data/local/tmp",
        "chmod +x ./benchmark_model",
        "ls -l benchmark_model",
        "bazel build -c opt //tensorflow/lite/tools/benchmark:benchmark_model",
        "cat /sys/class/thermal/thermal_zone0/temp",
    ],
)
def test_other_commands_are_no_runs_and_end_the_run_before(command: str) -> None:
    killed = "Killed\n"  # by what comes after the command
    runs = read(f"$ ./benchmark_model --graph=m\n{TAIL}$ {command}\n{killed}$ \n")
    assert [(run.log.ok, run.command) for run in runs] == [(True, "./benchmark_model --graph=m")]


def test_a_command_that_failed_between_two_runs_is_not_left_out() -> None:
    command = "$ ./benchmark_model --graph=m.tflite\n"
    failed = "sh: ./benchmark_model: Permission denied\n"
    found = logs(command + TAIL + command + failed + command + text_of(SHORT))
    assert [code(log) for log in found] == [None, "not-executable", None]


def test_a_long_command_keeps_what_it_asks_for() -> None:
    tool = "/data/local/tmp/benchmark_model"
    whole = f"$ adb shell {tool} --graph=/data/local/tmp/m.tflite --use_gpu=true"
    for width in (60, 80, len(whole) - 2):
        (run,) = read(f"{whole[:width]}\n{whole[width:]}\n{TAIL}")
        assert code(run.log) == "delegate-not-seen", width


@pytest.mark.parametrize("mark", ["\\", "^", "`"])
def test_a_command_of_several_lines_is_one(mark: str) -> None:
    command = f"./benchmark_model {mark}\n  --graph=m.tflite {mark}\n  --use_nnapi=true\n"
    (run,) = read(f"$ {command}{TAIL}")
    assert run.command == "./benchmark_model --graph=m.tflite --use_nnapi=true"
    assert code(run.log) == "delegate-not-seen"


def test_what_an_app_was_started_with_belongs_to_its_lines_in_logcat() -> None:
    start = (
        "$ adb shell am start -n org.tensorflow.lite.benchmark/.BenchmarkModelActivity "
        "--es args '\"--graph=/data/m.tflite --use_gpu=true\"'\nStarting: Intent\n"
    )
    lines = "".join(f"I/tflite  ( 123): {line}\n" for line in TAIL.splitlines())
    (run,) = read(f"{start}$ adb logcat | grep tflite\n{lines}")
    assert code(run.log) == "delegate-not-seen"


def test_processes_in_logcat_that_run_at_once_are_separate() -> None:
    one = [f"I/tflite  ( 11): {line}\n" for line in text_of(SHORT).splitlines()]
    two = [f"I/tflite  ( 22): {line}\n" for line in text_of(CPU).splitlines()]
    mixed = one + two
    random.Random(3).shuffle(order := [0] * len(one) + [1] * len(two))  # noqa: S311 - no secret
    sources = [iter(one), iter(two)]
    mixed = [next(sources[which]) for which in order]
    found = sorted(log.inference_avg_us or 0 for log in logs("".join(mixed)))
    assert found == [2988.67, 13520.2]


def test_the_same_lines_twice_are_one_run_with_two_copies() -> None:
    other = text_of(CPU)
    runs = read(text_of(SHORT) + other + "".join(f"> {line}\n" for line in other.splitlines()))
    assert [run.copies for run in runs] == [1, 2]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "ERROR: TfLiteGpuDelegate Init: Shader compilation failed: ERROR: 0:5",
            "gpu-program-failed",
        ),
        ("ERROR: Failed to build program executable - Build program failure", "gpu-program-failed"),
        (
            "INFO: Unable to load external delegate from : x.so (dlopen failed)",
            "delegate-not-loaded",
        ),
        ("ERROR: NN API returned error ANEURALNETWORKS_BAD_DATA at line 9.", "delegate-failed"),
    ],
)
def test_the_cause_goes_before_what_follows_from_it(line: str, expected: str) -> None:
    rest = (
        "ERROR: Node number 31 (TfLiteDelegate) failed to prepare.\nERROR: Benchmarking failed.\n"
    )
    (log,) = logs(f"INFO: STARTING!\n{line}\n{rest}")
    assert code(log) == expected


def test_a_run_without_the_external_delegate_it_asked_for_is_not_trusted() -> None:
    (log,) = logs(f"INFO: Unable to load external delegate from : x.so\n{TAIL}")
    assert code(log) == "delegate-not-loaded"


def test_lines_of_the_runtime_alone_are_not_called_none() -> None:
    (log,) = logs("ERROR: Following operations are not supported by GPU delegate:\nCAST: x\n")
    assert code(log) == "incomplete"


def test_a_session_of_another_run_is_not_trusted() -> None:
    (log,) = logs("Initialized session in 1.5ms.\n" + TAIL)
    assert code(log) == "inconsistent"


@pytest.mark.parametrize(
    "damage",
    [(r"std=2676\b", "std=26"), (r"std=2676\b", "std=26760"), (r"p95=\d+", "p95=9")],
)
def test_a_statistics_line_with_a_lost_digit_is_not_trusted(damage: tuple[str, str]) -> None:
    text = text_of(SHORT).replace("std=2676", "std=2676 p5=1017 median=1176 p95=6773")
    assert logs(text)[0].ok
    assert code(logs(re.sub(*damage, text))[0]) == "inconsistent"


def test_numbers_with_commas_are_read_as_decimals_or_as_thousands() -> None:
    decimal = re.sub(r"(?<=\d)\.(?=\d)", ",", text_of(SHORT))
    grouped = re.sub(r"(?<=[= ])(\d+)(\d{3})(?=[ ,.\n])", r"\1,\2", TAIL)
    assert "avg=92,571.2" in grouped
    assert logs(decimal) == logs(text_of(SHORT))
    assert logs(grouped) == logs(TAIL)


def test_a_record_with_both_streams_and_a_command_is_one_run() -> None:
    record = {
        "cmd": ["./benchmark_model", "--graph=m.tflite", "--use_xnnpack=true"],
        "stdout": text_of(SHORT),
        "stderr": "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n",
    }
    (run,) = read(json.dumps({"runs": [record]}))
    assert (run.log.ok, run.log.delegate) == (True, "xnnpack")
    assert run.command == " ".join(record["cmd"])


def test_a_bomb_of_aliases_is_read_as_plain_text() -> None:
    bomb = "a: &a 'count=1 curr=5'\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert not any(log.ok for log in logs(bomb))


def numbers(log: ToolLog) -> dict[str, object]:
    return {
        name: value
        for name, value in asdict(log).items()
        if value is not None and (name in ("runs", "percentiles_us") or "inference_" in name)
    }


WHOLE = {name: numbers(logs(text_of(name))[0]) for name in (CPU, SHORT, GPU)}


@given(seed=st.integers(min_value=0, max_value=10**6), names=st.permutations([CPU, SHORT, GPU]))
def test_a_thinned_paste_never_gives_a_trusted_wrong_number(seed: int, names: list[str]) -> None:
    generator = random.Random(seed)  # noqa: S311 - no secret
    kept = generator.choice([0.3, 0.6, 0.9])
    lines = "".join(map(text_of, names[:2])).splitlines(keepends=True)
    text = "".join(line for line in lines if generator.random() < kept)
    text = text[: generator.randrange(len(text) + 1)] if generator.random() < 0.5 else text
    for log in logs(text):
        assert not log.ok or numbers(log) in WHOLE.values()


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_are_an_error_or_a_result(content: bytes) -> None:
    runs = read_paste(content)
    assert runs
    assert not any(run.log.ok for run in runs)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000, "{\"a\":" * 5000, "((((" * 2000, "- " * 3000, "$ " * 4000,
        "\\n" * 5000 + "count=1",
        # Whole documents: JSON's own reader takes nearly a thousand levels.
        *(opened * depth + '"count=1 curr=5\\n"' + closed * depth
          for opened, closed in (('{"a":', "}"), ("[", "]"), ('[{"a":', "}]"))
          for depth in (250, 450, 900, 3000)),
        ('{"a":' * 700 + "1" + "}" * 700 + "\n") * 2,
        "a: 'b\n c'\nd: " + "[" * 450 + "]" * 450,
    ],
    ids=lambda text: f"{text[:8]} {len(text)}",
)  # fmt: skip
def test_deep_or_long_nonsense_is_no_error(text: str) -> None:
    assert not any(log.ok for log in logs(text))
