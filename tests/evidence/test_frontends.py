"""What each front-end costs on each runtime, and how exact it is; about two minutes."""

import re
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray
from support.reach import direct
from support.tables import write_table

from bench.adb.phone import Phone
from bench.core.artifact import Format
from bench.flow.build.convert import convert_to_zoo
from bench.handset.running import Running
from models import frontend
from models.audio.calibration import patches_for
from models.student.buildable import parse
from models.tflite.litert import Model
from models.zoo import Zoo

pytestmark = [pytest.mark.evidence, pytest.mark.zoo, pytest.mark.audio, pytest.mark.timeout(900)]
Floats = NDArray[np.float32]

NAMES = ("frontend-dft", "frontend-stft", "frontend-dft-17", "frontend-stft-17")
ROUNDS, PROCESSES = 400, 12
REMOTE = "/data/local/tmp/frontends"
TIME_S = np.arange(frontend.WINDOW_SAMPLES) / 16_000
TONES_HZ = (100, 200, 440, 1000, 1234.5, 3000, 5000, 7000)
RUNTIMES = ("xnnpack", "none", "official")
HEADS = ("XNNPACK", "LiteRT without", "official tool")


def test_the_dft_costs_less_than_an_fft_on_every_runtime(
    handset: Running, official_binary: Path, tmp_path: Path, audio_root: Path
) -> None:
    _, failed = convert_to_zoo(
        [parse(name) for name in NAMES], formats=[Format.FLOAT32], zoo=tmp_path, audio=audio_root
    )
    assert not failed
    speech, _ = patches_for("heldout", count=200, waveform=True, audio_root=audio_root)
    files = {name: tmp_path / f"{name}.float32.tflite" for name in NAMES}
    cost_us = {kind: on_host_us(files, speech, kind) for kind in ("xnnpack", "none")}
    with closing(direct(handset.serial)) as phone:
        cost_us["official"] = on_handset_us(files, official_binary, phone)
    ratio = {
        (name, kind): cost_us[kind][name.replace("dft", "stft")] / cost_us[kind][name]
        for name in NAMES
        for kind in RUNTIMES
    }
    write_table(
        "frontends",
        "Front-ends of 96 and of a hop's 17 frames, one thread, in turn: fastest run (CPU time of "
        "LiteRT; of the official tool 2.14, which has no XNNPACK, on a virtual handset its own "
        "minimum), in brackets how many times less than RFFT; greatest error of the logarithm "
        "against NumPy on 200 windows of speech, the same amplified until it clips, silence and "
        "pure tones of amplitude 0.9 (`make evidence`).",
        ["file", *HEADS, "nodes", "partitions", *audio_kinds(speech)],
        [row(name, cost_us, ratio, files[name], Zoo(tmp_path), speech) for name in NAMES],
    )
    for name in ("frontend-dft", "frontend-dft-17"):
        assert ratio[name, "xnnpack"] > 3
        assert ratio[name, "none"] > 1.25
        assert ratio[name, "official"] > 0.9  # of 17 frames it is as fast as RFFT


def on_host_us(files: dict[str, Path], speech: Floats, kind: str) -> dict[str, float]:
    """Returns the least CPU time of the graph alone, without copies in and out."""
    resolvers = {
        "xnnpack": OpResolverType.AUTO,
        "none": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    }
    graphs = {
        name: Interpreter(str(path), num_threads=1, experimental_op_resolver_type=resolvers[kind])
        for name, path in files.items()
    }
    for graph in graphs.values():
        graph.allocate_tensors()
        taken = graph.get_input_details()[0]
        graph.set_tensor(taken["index"], speech[:1, : taken["shape"][1]])
    took_ns: dict[str, list[int]] = {name: [] for name in files}
    for _ in range(ROUNDS):
        for name, graph in graphs.items():
            graph.invoke()  # the others left nothing of it in the caches
            began = time.thread_time_ns()
            graph.invoke()
            took_ns[name].append(time.thread_time_ns() - began)
    return {name: min(each) / 1e3 for name, each in took_ns.items()}


def on_handset_us(files: dict[str, Path], tool: Path, phone: Phone) -> dict[str, float]:
    phone.shell(f"mkdir -p {REMOTE}")
    phone.push(tool, f"{REMOTE}/benchmark_model")
    phone.shell(f"chmod 755 {REMOTE}/benchmark_model")
    for path in files.values():
        phone.push(path, f"{REMOTE}/{path.name}")
    fastest: dict[str, list[int]] = {name: [] for name in files}
    for _ in range(PROCESSES):
        for name, path in files.items():
            done = phone.shell(
                f"{REMOTE}/benchmark_model --graph={REMOTE}/{path.name} --num_threads=1 "
                "--num_runs=100 --min_secs=0.2 --warmup_min_secs=0.1"
            )
            text = (done.stdout + done.stderr).decode()
            fastest[name].append(int(re.findall(r"count=\d+ .*min=(\d+)", text)[-1]))
    phone.shell(f"rm -r {REMOTE}")
    return {name: float(min(each)) for name, each in fastest.items()}


def audio_kinds(speech: Floats) -> dict[str, Callable[[], Floats]]:
    tones = [0.9 * np.sin(2 * np.pi * hertz * TIME_S) for hertz in TONES_HZ]
    return {
        "speech": lambda: speech,
        "clipping": lambda: np.clip(20 * speech, -1, 1),
        "silence": lambda: np.zeros_like(speech[:1]),
        "tones": lambda: np.stack(tones).astype(np.float32),
    }


def greatest_error(model: Model, windows: Floats) -> float:
    samples = model.input_shapes()[0][1]
    worst = 0.0
    for window in windows[:, :samples]:
        frames = model(window[np.newaxis])[0][0, :, :, 0]
        reference = frontend.log_mel(window)[: len(frames)]
        worst = max(worst, float(np.abs(frames - reference).max()))
    return worst


def row(
    name: str,
    cost_us: dict[str, dict[str, float]],
    ratio: dict[tuple[str, str], float],
    path: Path,
    zoo: Zoo,
    speech: Floats,
) -> list[str]:
    artifact = zoo.get(name, Format.FLOAT32)
    assert artifact is not None
    assert artifact.partitions is not None
    model = Model(path)
    return [
        name,
        *(f"{cost_us[kind][name]:.0f} us ({ratio[name, kind]:.2f})" for kind in RUNTIMES),
        f"{artifact.partitions.nodes_delegated} of {artifact.partitions.nodes_total}",
        str(artifact.partitions.partitions),
        *(f"{greatest_error(model, audio()):.0e}" for audio in audio_kinds(speech).values()),
    ]
