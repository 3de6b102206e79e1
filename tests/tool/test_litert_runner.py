import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.core.hashing import sha256_file
from bench.tool.litert_runner import RunnerError, parse
from models.tflite.litert import Model

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "data" / "tiny.tflite"
SPLIT = ROOT / "tests" / "data" / "tiny_split.tflite"
INPUT = "serving_default_patch::0"  # of tiny.tflite, as the flag spells it
EXACT = (
    "--num_threads=1",
    "--num_runs=3",
    "--min_secs=0",
    "--warmup_runs=2",
    "--warmup_min_secs=0",
)


def start(*arguments: str, graph: Path = TINY) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "bench.tool.litert_runner", f"--graph={graph}", *arguments],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def answer(*arguments: str, graph: Path = TINY) -> dict[str, Any]:
    process = start(*arguments, graph=graph)
    assert process.returncode == 0, process.stdout + process.stderr
    lines = process.stdout.splitlines()
    assert len(lines) == 1
    found: dict[str, Any] = json.loads(lines[0])
    return found


def refusal(*arguments: str, graph: Path = TINY) -> str:
    process = start(*arguments, graph=graph)
    assert process.returncode == 1
    found = json.loads(process.stdout)
    assert found["tool"] == "frill-bench-litert-runner"
    return str(found["error"])


def test_a_run_gives_every_raw_value_and_says_what_ran() -> None:
    found = answer(*EXACT)
    assert found["tool"] == "frill-bench-litert-runner"
    assert found["schema_version"] == 1
    assert found["runtime"].startswith("ai-edge-litert ")
    assert found["graph_sha256"] == sha256_file(TINY)
    assert found["num_threads"] == 1
    assert [len(found[name]) for name in ("warmup_us", "inference_us", "cpu_us")] == [2, 3, 3]
    assert all(value > 0 for value in [found["init_us"], *found["inference_us"], *found["cpu_us"]])
    assert found["memory_mb"]["peak"] > found["memory_mb"]["overall"] >= found["memory_mb"]["init"]
    assert found["run_us"] > 0
    assert found["run_queue_wait_us"] >= 0
    assert found["voluntary_switches"] >= 0


@pytest.mark.parametrize(
    ("graph", "flags", "expected"),
    [
        (TINY, (), ("xnnpack", 3, 3, 1)),
        (TINY, ("--use_xnnpack=1",), ("xnnpack", 3, 3, 1)),
        (SPLIT, ("--use_xnnpack=true",), ("xnnpack", 4, 3, 2)),
        (SPLIT, ("--use_xnnpack=false",), ("none", 4, 0, 0)),
    ],
)
def test_the_delegate_is_what_was_seen_in_the_graph(
    graph: Path, flags: tuple[str, ...], expected: tuple[str, int, int, int]
) -> None:
    found = answer(*EXACT, *flags, graph=graph)
    names = ("delegate", "nodes_total", "nodes_delegated", "partitions")
    assert tuple(found[name] for name in names) == expected


def test_runs_are_minima_beside_their_seconds() -> None:
    found = answer("--num_runs=2", "--min_secs=0.2", "--warmup_runs=0", "--warmup_min_secs=0")
    assert found["warmup_us"] == []
    assert len(found["inference_us"]) > 2
    # What lies between the timed parts is small beside a whole phase, but not nothing.
    assert sum(found["inference_us"]) < 1e6


def test_no_run_starts_after_max_secs() -> None:
    arguments = ("--num_runs=50", "--min_secs=0", "--max_secs=0.3", "--run_delay=0.1")
    found = answer(*arguments, "--warmup_runs=1", "--warmup_min_secs=0")
    assert 2 <= len(found["inference_us"]) <= 5


def test_the_delay_between_runs_is_not_timed() -> None:
    found = answer(*EXACT, "--run_delay=0.05")
    assert max(found["inference_us"]) < 50_000


def test_a_dry_run_loads_and_measures_nothing() -> None:
    found = answer("--dry_run=true")
    assert found["dry_run"] is True
    assert found["inference_us"] == found["warmup_us"] == []
    assert found["partitions"] == 1


def test_values_go_in_from_a_file_and_out_to_a_file(tmp_path: Path) -> None:
    patch = np.linspace(-1, 1, 64, dtype=np.float32).reshape(1, 8, 8, 1)
    source, target = tmp_path / "in.raw", tmp_path / "out.raw"
    source.write_bytes(patch.tobytes())
    answer(*EXACT, f"--input_layer_value_files={INPUT}:{source}", f"--output_filepath={target}")
    written = np.frombuffer(target.read_bytes(), np.float32)
    np.testing.assert_allclose(written, Model(TINY)(patch)[0].ravel(), rtol=1e-6)


def test_default_inputs_are_the_same_in_every_process(tmp_path: Path) -> None:
    outputs = []
    for name in ("a", "b"):
        answer(*EXACT, f"--output_filepath={tmp_path / name}")
        outputs.append((tmp_path / name).read_bytes())
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) == 3 * 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--use_gpu=true",), "unknown flag '--use_gpu=true'"),
        (("--num_runs", "3"), "unknown flag '--num_runs'"),
        (("--num_runs=1", "--num_runs=2"), "given twice"),
        (("--dry_run=True",), "--dry_run cannot be 'True'"),
        (("--num_threads=0",), "--num_threads"),
    ],
)
def test_a_wrong_flag_ends_it(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(RunnerError, match=said):
        parse(["--graph=m.tflite", *arguments])


def test_a_wrong_flag_is_said_in_json_with_status_one() -> None:
    assert "--nonsense" in refusal("--nonsense=1")


def test_a_graph_is_needed() -> None:
    with pytest.raises(RunnerError, match="--graph"):
        parse(["--num_runs=1"])


def test_a_colon_in_a_tensor_name_is_doubled() -> None:
    options = parse(["--graph=m", "--input_layer_value_files=serving::0:/a/b.raw,y:c"])
    assert options.input_layer_value_files == {"serving:0": "/a/b.raw", "y": "c"}


def test_a_file_of_the_wrong_size_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "in.raw"
    source.write_bytes(b"1234")
    said = refusal(*EXACT, f"--input_layer_value_files={INPUT}:{source}")
    assert "4 bytes" in said
    assert "256" in said


@pytest.mark.parametrize("kept_bytes", [0, 8, 1200])
def test_a_damaged_model_is_refused_or_killed_but_never_measured(
    tmp_path: Path, kept_bytes: int
) -> None:
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(TINY.read_bytes()[:kept_bytes])
    process = start(*EXACT, graph=damaged)
    assert process.returncode != 0
    assert "inference_us" not in process.stdout


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    assert "nowhere.tflite" in refusal(graph=tmp_path / "nowhere.tflite")


def test_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, bench.tool.litert_runner; "
        "heavy = {'yaml', 'cattrs', 'rich', 'sqlalchemy', 'pandas', 'tensorflow'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    process = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.strip() == "[]"
