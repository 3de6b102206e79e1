"""How exact a stream is on ten minutes of speech, and what it costs; about three minutes."""

import time
from pathlib import Path

import numpy as np
import pytest
from support.streams import STREAM, STUDENT, artifact, converted, speech
from support.tables import write_table

from bench.core.artifact import Format
from models import frontend
from models.stream import Stream, filled, hop_of
from models.tflite.arrays import Floats
from models.tflite.litert import Model
from models.zoo import Zoo

pytestmark = [pytest.mark.evidence, pytest.mark.zoo, pytest.mark.audio, pytest.mark.timeout(900)]

STUDENTS = (STUDENT, "small_w1.0_keras3_gap_e1024_unfused")
SECONDS, ROUNDS = 600, 400


def test_ten_minutes_of_speech_have_the_offline_embeddings_at_a_fraction_of_the_cost(
    tmp_path: Path, audio_root: Path
) -> None:
    audio = speech(audio_root, seconds=SECONDS)
    endings = ("", "_stream", "_dft", "_stft")
    names = [f"{student}{ending}" for student in STUDENTS for ending in endings]
    zoo = converted(tmp_path, audio_root, [*names, f"{STREAM}48", f"{STREAM}96"], [Format.FLOAT32])
    rows = []
    for name in (STREAM, f"{STREAM}48", f"{STREAM}96", f"{STUDENTS[1]}_stream"):
        student = name.partition("_stream")[0]
        error, deviation = errors(zoo, student, name, audio)
        cost = cpu_us(zoo, [name, f"{student}_dft", f"{student}_stft", student], audio)
        hop_s = artifact(zoo, name).hop_s
        stream_us, dft_us, stft_us, alone_us = cost.values()
        rows.append(
            [name, f"{hop_s:g} s", f"{error:.1e}", f"{deviation:.2f}"]
            + [f"{stream_us / hop_s:.0f} us"]
            + [f"{each / hop_s:.0f} us ({each / stream_us:.2f})" for each in (dft_us, stft_us)]
            + [f"{alone_us / hop_s:.0f} us"]
        )
        assert error < 1e-4
        if name == STREAM:
            assert stft_us > 3 * stream_us
            # Not 3 times: of the windows' cost, the network alone is already more than a third.
            assert dft_us > 1.5 * stream_us
            assert stream_us - alone_us < (dft_us - alone_us) / 3
    write_table(
        "stream",
        f"Streams on {SECONDS // 60} minutes of speech, LiteRT with XNNPACK, one thread: greatest "
        "difference of a value of an embedding to the same student on NumPy's log-mel, from the "
        "call on that fills the window, and the standard deviation of these values; fastest run's "
        "CPU time per second of audio, all in turn; that of the same student at the same hop on "
        "whole windows of audio, with the front-end `dft` and with RFFT (`stft`, what apps use "
        "today), in brackets how many times the stream's; and that of the network alone on frames "
        "that are there (`make evidence`).",
        ["stream", "hop", "error", "deviation", "stream", "dft", "stft", "network alone"],
        rows,
    )


def errors(zoo: Zoo, student: str, name: str, audio: Floats) -> tuple[float, float]:
    """Returns the greatest difference to the offline embeddings, and these values' deviation."""
    offline = Model(zoo.path(artifact(zoo, student)))
    stream = Stream(Model(zoo.path(artifact(zoo, name))))
    first, size = stream.hop.calls_to_fill, stream.hop.samples
    worst, seen = 0.0, []
    for call, hop in enumerate(audio[: len(audio) // size * size].reshape(-1, size), 1):
        vector = stream(hop)
        if call < first:
            continue
        window = audio[call * size - frontend.WINDOW_SAMPLES : call * size]
        wanted = offline(frontend.patch(window)[np.newaxis, :, :, np.newaxis])[0].ravel()
        worst = max(worst, float(np.abs(vector - wanted).max()))
        seen.append(wanted)
    assert len(seen) > 500 or size > 2720
    return worst, float(np.std(np.stack(seen)))


def inputs_of(model: Model, window: Floats) -> tuple[Floats, ...]:
    shapes = model.input_shapes()
    if hop := hop_of(tuple(shapes)):
        return filled(window, hop)
    patch = frontend.patch(window[0])[np.newaxis, :, :, np.newaxis]
    return (patch if len(shapes[0]) == 4 else window,)


def cpu_us(zoo: Zoo, names: list[str], audio: Floats) -> dict[str, float]:
    """Returns the least CPU time of each graph alone, in turn, without copies in and out."""
    graphs = {}
    for name in names:
        model = Model(zoo.path(artifact(zoo, name)))
        model(*inputs_of(model, audio[np.newaxis, : frontend.WINDOW_SAMPLES]))
        graphs[name] = model._interpreter
    took_ns: dict[str, list[int]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name, graph in graphs.items():
            graph.invoke()  # the others left nothing of it in the caches
            began = time.thread_time_ns()
            graph.invoke()
            took_ns[name].append(time.thread_time_ns() - began)
    return {name: min(each) / 1e3 for name, each in took_ns.items()}
