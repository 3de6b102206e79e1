"""Small SavedModels that are called as the published ones are; each averages pieces of audio.

A frame is half a second every quarter of a second; the vector is the mean of the squares of its
eight pieces, so that NumPy can say what must come out.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.frontend import patches

Floats = NDArray[np.float32]
FRAME, HOP, SIZE = 8_000, 4_000, 8
ONE = tf.TensorSpec([None], tf.float32)
MANY = tf.TensorSpec([None, None], tf.float32)
RATE = tf.TensorSpec([], tf.int32)
PATCHES = tf.TensorSpec([None, 96, 64, 1], tf.float32)


def expected(audio: Floats) -> Floats:
    """Returns float32 [batch, frames, 8] of audio [batch, samples]."""
    cut = np.lib.stride_tricks.sliding_window_view(audio, FRAME, axis=1)[:, ::HOP]
    found: Floats = (cut.reshape(*cut.shape[:2], SIZE, -1) ** 2).mean(axis=3)
    return found


def expected_of_patches(audio: Floats) -> Floats:
    """Returns float32 [batch, patches, 64], the mean of each mel bin."""
    return np.stack([patches(clip).mean(axis=1) for clip in audio])


def framed(audio: Any) -> Any:
    """Returns [..., frames, 8] of audio [..., samples]."""
    cut = tf.signal.frame(audio, FRAME, HOP)
    pieces = tf.reshape(cut, tf.concat([tf.shape(cut)[:-1], [SIZE, FRAME // SIZE]], axis=0))
    return tf.reduce_mean(pieces**2, axis=-1)


def trill(samples: Any, sample_rate: Any) -> Any:
    tf.debugging.assert_equal(sample_rate, 16_000)
    frames = framed(samples)
    return {"embedding": frames, "layer19": tf.concat([frames, 2 * frames], axis=-1)}


def by_position(audio: Any, rate: Any) -> Any:
    tf.debugging.assert_equal(rate, 16_000)
    return framed(audio)


def many_with_rate(samples: Any, sample_rate: Any) -> Any:
    tf.debugging.assert_equal(sample_rate, 16_000)
    return {"embedding": framed(samples)}


def frill(audio: Any) -> Any:
    return {"embedding": tf.reshape(framed(audio), [-1, SIZE])}


def trillsson(audio: Any) -> Any:
    return {"embedding": tf.reduce_mean(framed(audio), axis=1)}


def yamnet(waveform: Any) -> Any:
    frames = framed(waveform)
    return frames[:, :3], frames, frames[:, :5]


def nofrontend(log_mel: Any) -> Any:
    return tf.reduce_mean(log_mel, axis=[1, 3])


# A name to the function and what it is declared to take.
CALLED: dict[str, tuple[Callable[..., Any], list[tf.TensorSpec]]] = {
    "trill": (trill, [ONE, RATE]),
    "by-position": (by_position, [ONE, RATE]),
    "many-with-rate": (many_with_rate, [MANY, RATE]),
    "frill": (frill, [MANY]),
    "trillsson": (trillsson, [MANY]),
    "many-frames": (framed, [MANY]),
    "yamnet": (yamnet, [ONE]),
    "nofrontend": (nofrontend, [PATCHES]),
    "nan": (lambda audio: framed(audio) * float("nan"), [MANY]),
    "zero": (lambda audio: framed(audio) * 0.0, [MANY]),
    "image": (lambda image: image, [tf.TensorSpec([None, 5, 5, 3], tf.float32)]),
}


def save(name: str, folder: Path) -> Path:
    """Returns the folder of a SavedModel with a call of its own."""
    function, specs = CALLED[name]
    module = tf.Module()
    module.__call__ = tf.function(function, input_signature=specs)
    tf.saved_model.save(module, str(folder), signatures={})
    return folder


def save_signature(folder: Path, *, rank: int, rate: bool) -> Path:
    """Returns the folder of a SavedModel with a signature only, as Keras exports one."""
    module = tf.Module()
    module.weight = tf.Variable(1.0)  # lost with the model, if nobody keeps it

    def serve(audio: Any, rate_hz: Any = None) -> Any:
        return {"output_0": framed(audio) * module.weight}

    spec = ONE if rank == 1 else MANY
    specs = [spec, tf.TensorSpec([], tf.int64, name="rate_hz")] if rate else [spec]
    serving = tf.function(serve, input_signature=specs)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": serving})
    return folder
