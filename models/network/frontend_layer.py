"""The log-mel front-end as Keras layers of TFLite's built-in operators.

They must be named ``frontend``: the quantiser leaves alone what has that name, because quantising
it destroys the embedding (see models/tflite/quantise.py).
"""

from __future__ import annotations

from typing import Any, assert_never

import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from models import dft, frontend, stream
from models.student.spec import InGraphFrontend

_SPLIT = 4  # XNNPACK splits into at most four


class LogMel(layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Maps audio [batch, samples] in [-1, 1] to log-mel frames [batch, frames, 64, 1].

    Args:
        kind: ``dft`` (a DFT in two stages of matrix products, which XNNPACK runs whole) or ``stft``
            (RFFT, which no delegate runs).
        frames: how many; the patch of a model by default.
    """

    def __init__(self, kind: str, *, frames: int = frontend.PATCH_FRAMES) -> None:
        super().__init__(name="frontend", trainable=False)
        self._kind = InGraphFrontend(kind)
        self._frames = frames

    def call(self, audio: Any) -> Any:
        """Returns log-mel frames, float32 [batch, frames, 64, 1]."""
        match self._kind:
            case InGraphFrontend.DFT:
                return self._shaped(tf.math.log(_mel_by_dft(audio, self._frames)))
            case InGraphFrontend.STFT:
                mel = self._shaped(_mel_by_fft(audio))
                return tf.math.log(tf.maximum(mel, frontend.LOG_FLOOR) + frontend.LOG_OFFSET)
            case InGraphFrontend.NONE | InGraphFrontend.STREAM:
                raise AssertionError("it takes no window of audio")
            case _:
                assert_never(self._kind)

    def _shaped(self, mel: Any) -> Any:
        return tf.reshape(mel, [-1, self._frames, frontend.MEL_BINS, 1])


class StreamLogMel(layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Maps a hop of audio and the state to the patch and the new state (models/stream.py).

    Args:
        frames: new ones of a call.
    """

    def __init__(self, frames: int) -> None:
        super().__init__(name="frontend", trainable=False)
        self._hop = stream.Hop(frames)

    def call(self, inputs: list[Any]) -> list[Any]:
        """Returns the patch [batch, 96, 64, 1], the new past samples, and the new past frames."""
        audio, past_samples, *past_frames = inputs
        batch, frames = audio.shape[0] or -1, self._hop.frames
        samples = tf.concat([past_samples, audio], axis=1)
        mel = tf.math.log(_mel_by_dft(samples, frames))
        new = tf.reshape(mel, [-1, frames, frontend.MEL_BINS, 1])
        last_samples = tf.slice(samples, [0, self._hop.samples], [batch, stream.PAST_SAMPLES])
        if not past_frames:
            return [new, last_samples]
        patch = tf.concat([*past_frames, new], axis=1)
        left = [batch, frontend.PATCH_FRAMES - frames, frontend.MEL_BINS, 1]
        return [patch, last_samples, tf.slice(patch, [0, frames, 0, 0], left)]


def _mel_by_dft(audio: Any, frames: int) -> Any:
    """Returns mel magnitudes plus the logarithm's offset, [batch * frames, 64].

    The offset is the product's bias. Beside it the reference's floor of 1e-12 is nothing in
    float32. All operators are fast with and without XNNPACK: without it, one STRIDED_SLICE, SQUARE
    or BATCH_MATMUL takes longer than a whole stage here (docs/conversion.md).
    """
    windowed = _frames(audio, frames) * _float32(frontend.hann())
    columns = tf.transpose(tf.reshape(windowed, [-1, dft.ROWS, dft.COLUMNS]), [0, 2, 1])
    sums = tf.matmul(tf.reshape(columns, [-1, dft.ROWS]), _float32(dft.stage_one()))
    by_k1 = tf.transpose(tf.reshape(sums, [-1, dft.COLUMNS, 2 * dft.GROUPS]), [0, 2, 1])
    groups = _split(tf.reshape(by_k1, [-1, 2 * dft.GROUPS * dft.COLUMNS]), dft.GROUPS)
    tables = dft.stage_two()
    spectrum = _joined(
        [tf.matmul(group, _float32(table)) for group, table in zip(groups, tables, strict=True)]
    )
    real, imaginary = tf.split(tf.reshape(spectrum, [-1, 2 * dft.BINS]), 2, axis=-1)
    magnitude = tf.sqrt(real * real + imaginary * imaginary)
    weights = frontend.mel_weights()[dft.bins().ravel()]
    return tf.matmul(tf.reshape(magnitude, [-1, len(weights)]), _float32(weights)) + tf.constant(
        frontend.LOG_OFFSET, tf.float32
    )


def _frames(audio: Any, frames: int) -> Any:
    """Returns the frames of audio, [batch, frames, 400].

    A frame is a row of 160 samples, the next row, and half of the one after.
    """
    hop = frontend.FRAME_HOP_SAMPLES
    whole, rest = divmod(frontend.FRAME_SAMPLES, hop)
    rows = frames + whole
    missing = rows * hop - frontend.samples_of(frames)
    table = tf.reshape(tf.pad(audio, [[0, 0], [0, missing]]), [-1, rows, hop])
    batch = audio.shape[0] or -1  # -1 also means all to TFLite, but XNNPACK wants the number
    widths = [hop] * whole + [rest]
    parts = [
        tf.slice(table, [0, first, 0], [batch, frames, width]) for first, width in enumerate(widths)
    ]
    return tf.concat(parts, axis=-1)


def _split(x: Any, count: int) -> list[Any]:
    """Returns ``count`` equal parts of the last axis, in order."""
    quarters = tf.split(x, count // _SPLIT, axis=-1)
    return [part for quarter in quarters for part in tf.split(quarter, _SPLIT, axis=-1)]


def _joined(parts: list[Any]) -> Any:
    groups = [parts[at : at + _SPLIT] for at in range(0, len(parts), _SPLIT)]
    return tf.concat([tf.concat(group, axis=-1) for group in groups], axis=-1)


def _mel_by_fft(audio: Any) -> Any:
    """Returns mel magnitudes, [batch * frames, 64]."""
    low, high = frontend.used_bins()
    spectrum = tf.signal.stft(
        audio,
        frame_length=frontend.FRAME_SAMPLES,
        frame_step=frontend.FRAME_HOP_SAMPLES,
        fft_length=frontend.FFT_SAMPLES,
    )
    weights = _float32(frontend.mel_weights()[low:high])
    magnitude = tf.abs(spectrum)[:, :, low:high]
    return tf.matmul(tf.reshape(magnitude, [-1, high - low]), weights)


def _float32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.ascontiguousarray(values, dtype=np.float32)
