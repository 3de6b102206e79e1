"""Planted wrong operators in real models: the first tensor that differs is named."""

from pathlib import Path

import numpy as np
import pytest
from support import real_models
from support.tables import write_table
from support.wrong_operators import checked

from bench.core.artifact import Format
from bench.core.paths import cache_dir
from bench.flow.outputs.record import Verdict
from bench.handset.running import Running
from models.graph.cut import Cutter
from models.tflite import litert
from models.tflite.apart import Traced
from models.tflite.quantise import quantise

pytestmark = [pytest.mark.evidence, pytest.mark.audio, pytest.mark.timeout(3600)]

_MODELS = ("embedding_model.tflite", "hey_jarvis.tflite", "face_landmark.tflite")
_KINDS = ("zeros", "scaled")
_PLANTED = 10  # of each kind, with outputs that the check refuses
_TEXT = """# Planted wrong operators

On a virtual handset with the official tool (TensorFlow Lite 2.14.1), a delegate that takes one
operator of a model, drawn by a seed, and computes it wrong: all zeros, or each float a tenth too
large (each whole number 8 steps away). `run --check` finds the outputs wrong and names the first
tensor that differs, by bisecting the graph on the handset. Written by `make evidence`.

- *named*: the operator that the check named; **right** where it is the planted one.
- *processes*: on the handset, beside the eight of the check itself.
- Where the outputs stay within the bounds (the planted error does not reach them), there is nothing
  to search; such draws are counted below and do not count as planted."""


def test_the_first_tensor_is_named_for_each_planted_operator(
    handset: Running, official_binary: Path, tmp_path: Path
) -> None:
    fetched = real_models.fetch(cache_dir())
    rng = np.random.default_rng(17)
    models = [*(fetched[name] for name in _MODELS), _int8(fetched[_MODELS[0]], tmp_path)]
    rows, harmless, right = [], 0, 0
    drawn: set[tuple[str, int, str]] = set()
    counts = dict.fromkeys(_KINDS, 0)
    while min(counts.values()) < _PLANTED:
        kind = min(counts, key=lambda each: counts[each])
        model = models[len(drawn) % len(models)]
        cutter = Cutter(model.read_bytes())
        index = int(rng.choice(_computing(model, cutter)))
        if (model.name, index, kind) in drawn:
            continue
        drawn.add((model.name, index, kind))
        options = f"take:from;at:{index};count:1;gives:{kind}"
        database = tmp_path / f"{len(drawn)}.db"
        check, _ = checked(handset.serial, official_binary, model, options, database)
        assert check.verdict is not Verdict.UNCHECKED, check.reason
        if check.first_difference is None:
            harmless += 1
            continue
        first = check.first_difference
        counts[kind] += 1
        right += first.op != "" and first.index == index
        named = "**right**" if first.index == index else f"{first.index} {first.op}"
        rows.append(
            [
                model.stem,
                f"{index} {cutter.ops[index]} of {len(cutter.ops)}",
                kind,
                named if first.op else "none",
                "" if first.snr_db is None else f"{first.snr_db:.1f}",
                str(first.runs),
                "; ".join(first.caveats),
            ]
        )
    total = sum(counts.values())
    write_table(
        "wrong_operators",
        f"{_TEXT}\n\n**{right} of {total} named right**; {harmless} draws left the outputs within "
        "the bounds.",
        ("model", "planted", "its result", "named", "SNR, dB", "processes", "caveats"),
        rows,
    )
    assert right == total


def _int8(source: Path, folder: Path) -> Path:
    """Returns a model in full int8, calibrated on noise: it only has to be computed alike."""
    path = folder / f"{source.stem}.int8.tflite"
    (shape,) = litert.Model(source).input_shapes()
    noise = np.random.default_rng(0).normal(size=(8, *shape[1:])).astype(np.float32)
    quantise(source, path, Format.INT8, calibration=noise)
    return path


def _computing(model: Path, cutter: Cutter) -> list[int]:
    """Returns the operators that compute numbers from the input."""
    traced = Traced(model)
    named = {each.output for each in traced.operations if not each.constant}
    return [at for at, name in enumerate(cutter.names) if at not in cutter.fixed and name in named]
