"""Scores of a handset's own outputs by the official tool, beside the host's on the same clips."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.patience import PATIENCE_S, wait_until

from bench.adb.phone import open_phone
from bench.adb.transport.serials import Found, Way
from bench.cli.main import main
from bench.core.caveats import CaveatKind
from bench.core.errors import BenchError
from bench.core.score import Score
from bench.flow.build.score import score_artifacts
from bench.flow.device.requests import PhoneRequest, ToolRequest
from bench.flow.outputs.device_score import ScoreRequest, score_on_device
from bench.flow.phone.phone import PhoneDevice
from bench.flow.phone.tool import PhoneTools
from bench.flow.report.join import join
from bench.handset.running import Running
from bench.plan.case import Mode
from bench.store.store import Store
from models.audio.sample import sampled
from models.audio.tasks import task_set
from models.audio.taskset import TaskSet
from models.zoo import Zoo

MODELS = Path(__file__).parents[2] / "data" / "audio_models"
THERE = "/data/local/tmp/frill-bench"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRILL_BENCH_CACHE", str(tmp_path / "cache"))


def zoo_of(folder: Path, *names: str) -> Zoo:
    zoo = Zoo(folder / "zoo")
    zoo.root.mkdir()
    for name in names:
        zoo.add(MODELS / f"{name}.tflite")
    return zoo


def scored(
    handset: Running, tool: Path, zoo: Zoo, tasks: TaskSet, database: Path
) -> tuple[dict[str, Score], dict[str, BenchError], list[str]]:
    lines: list[str] = []
    request = ScoreRequest(artifacts=tuple(zoo.artifacts()), zoo=zoo, task_set=tasks)
    device = PhoneDevice(
        Found(serial=handset.serial, way=Way.TCP),
        request.run_request(),
        PhoneTools(ToolRequest(binary=tool)),
        PhoneRequest(wait_s=PATIENCE_S),
    )
    made, failed = score_on_device(device, request, str(database), on_message=lines.append)
    names = {each.sha256: each.name for each in zoo.artifacts()}
    return {names[each.artifact_sha256]: each for each in made}, failed, lines


def left(handset: Running) -> list[str]:
    """Returns the inputs and outputs that are on the handset."""
    names = sorted(path.name for path in handset.path(THERE).iterdir())
    return [name for name in names if ".windows" in name or name.startswith("outputs")]


def test_a_handset_scores_what_the_host_scores_and_the_score_counts_for_it_alone(
    handset: Running, official_binary: Path, split_tones: Path, tmp_path: Path
) -> None:
    zoo = zoo_of(tmp_path, "patch_one", "patch", "waveform")
    tasks, database = sampled(task_set(str(split_tones)), 15), tmp_path / "db"
    made, failed, lines = scored(handset, official_binary, zoo, tasks, database)
    assert not failed
    for each in made.values():
        (task,) = each.tasks
        assert task.value == each.mean
        assert [one.task for one in each.less_host] == [task.task, "mean"]
        assert all(one.value == one.low == one.high == 0.0 for one in each.less_host)
        assert (each.delegate, each.device is None) == ("none", False)
        assert each.runtime.startswith("benchmark_model ")
        assert CaveatKind.VIRTUAL in {caveat.kind for caveat in each.caveats}
    assert not left(handset)
    with Store.open(database) as store:
        assert store.scores() == list(made.values())
        processes = store.invocations()
        assert join(store)[1] == []
        score_artifacts(
            zoo.artifacts(), zoo=zoo, task_set=tasks, store=store, on_progress=lambda *_: None
        )
        on_host = {each.student: each.value for each in join(store)[1]}
    assert on_host == {name: each.mean for name, each in made.items()}
    assert {each.case.protocol.mode for each in processes} == {Mode.OUTPUT_CHECK}
    windows = {
        line.partition(".")[0]: int(line.split()[-2]) for line in lines if line.endswith(" windows")
    }
    run = {
        each.name: sum(one.case.artifact_sha256 == each.sha256 for one in processes)
        for each in zoo.artifacts()
    }
    # Three alone and a batch are held against each other. What is fixed inside a file for one
    # window takes a process for each.
    assert run["patch_one"] == run["patch"] == 3 + 1 + -(-windows["patch"] // 32)
    assert run["waveform"] == 3 + 1 + windows["waveform"]
    assert any("waveform" in line and "a process for each window" in line for line in lines)


def test_a_file_that_gives_zeros_there_fails_and_says_so(
    handset: Running, official_binary: Path, split_tones: Path, tmp_path: Path
) -> None:
    zoo = zoo_of(tmp_path, "patch_one", "waveform")
    tool = tmp_path / "benchmark_model"
    real = handset.path("/data/local/tmp/real_scorer")
    real.write_bytes(official_binary.read_bytes())
    real.chmod(0o755)
    size = 64 * 4
    tool.write_text(
        "#!/system/bin/sh\n"
        'for word in "$@"; do case $word in\n'
        "--output_filepath=*) output=${word#--output_filepath=};;\n"
        "esac; done\n"
        '/data/local/tmp/real_scorer "$@" || exit\n'
        f'if [ "$output" ] && [ $(($(stat -c %s "$output") % {size})) = 0 ]; then\n'
        '  head -c "$(stat -c %s "$output")" /dev/zero >"$output.x"; mv "$output.x" "$output"\n'
        "fi\n"
    )
    tool.chmod(0o755)
    made, failed, _ = scored(
        handset, tool, zoo, sampled(task_set(str(split_tones)), 15), tmp_path / "db"
    )
    real.unlink()
    assert list(made) == ["waveform"]
    ((name, error),) = failed.items()
    assert name == "patch_one.float32"
    assert "the phone's output with none is all zero" in error.message
    assert error.exit_code == 4
    assert error.hint
    assert not left(handset)


def test_ctrl_c_leaves_neither_a_process_nor_a_file_of_it_on_the_phone(
    handset: Running, official_binary: Path, split_tones: Path, tmp_path: Path
) -> None:
    zoo = zoo_of(tmp_path, "waveform")
    database = tmp_path / "db"
    command = [
        *(sys.executable, "-P", "-m", "bench", "score", "--on", handset.serial),
        *("--task-set", str(split_tones), "--zoo", str(zoo.root), "--db", str(database)),
        *("--benchmark-binary", str(official_binary)),
    ]
    environ = {**os.environ, "ANDROID_SERIAL": handset.serial}
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "processes, about" in line:
                break
        time.sleep(0.3)
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
    assert running.returncode == 130, said
    assert "Traceback" not in said
    assert not left(handset)
    with open_phone(Found(serial=handset.serial, way=Way.TCP)) as phone:
        wait_until(lambda: not phone.shell("pgrep -fl '[f]rill-bench/'").text)
    with Store.open(database) as store:
        assert not store.scores()


def test_what_is_for_phones_is_refused_without_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zoo = zoo_of(tmp_path, "patch")
    assert main(["score", "--zoo", str(zoo.root), "--clips", "40"]) == 2
    assert "--clips is for phones" in capsys.readouterr().err
