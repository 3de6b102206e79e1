"""The log-mel front-end as a Keras layer of TFLite's built-in operators.

It must be named ``frontend``: the quantiser leaves alone what has that name, because quantising it
destroys the embedding (see models/tflite/quantise.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from keras import layers

from models import frontend


class LogMel(layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Maps audio [batch, 15600] in [-1, 1] to log-mel patches [batch, 96, 64, 1].

    Args:
        kind: ``conv`` (the windowed DFT as one strided convolution) or ``stft`` (RFFT).
    """

    def __init__(self, kind: str) -> None:
        super().__init__(name="frontend", trainable=False)
        self.kind = kind
        low, high = frontend.used_bins()
        self._bins = slice(low, high)
        self._mel = frontend.mel_weights()[self._bins].astype(np.float32)
        angle = (
            2
            * np.pi
            * np.outer(np.arange(frontend.FRAME_SAMPLES), np.arange(low, high))
            / frontend.FFT_SAMPLES
        )
        basis = np.hstack([np.cos(angle), np.sin(angle)]) * frontend.hann()[:, np.newaxis]
        self._basis = basis.astype(np.float32)[np.newaxis, :, np.newaxis, :]

    def call(self, audio: Any) -> Any:
        """Returns log-mel patches, float32 [batch, 96, 64, 1]."""
        magnitude = self._by_convolution(audio) if self.kind == "conv" else self._by_fft(audio)
        mel = tf.reshape(
            tf.matmul(tf.reshape(magnitude, [-1, self._mel.shape[0]]), self._mel),
            [-1, frontend.PATCH_FRAMES, frontend.MEL_BINS, 1],
        )
        return tf.math.log(tf.maximum(mel, frontend.LOG_FLOOR) + frontend.LOG_OFFSET)

    def _by_convolution(self, audio: Any) -> Any:
        rows = tf.reshape(audio, [-1, 1, frontend.WINDOW_SAMPLES, 1])
        hop = frontend.FRAME_HOP_SAMPLES
        spectrum = tf.nn.conv2d(rows, self._basis, [1, 1, hop, 1], "VALID")
        real, imaginary = tf.split(spectrum, 2, axis=-1)
        return tf.sqrt(tf.square(real) + tf.square(imaginary))

    def _by_fft(self, audio: Any) -> Any:
        spectrum = tf.signal.stft(
            audio,
            frame_length=frontend.FRAME_SAMPLES,
            frame_step=frontend.FRAME_HOP_SAMPLES,
            fft_length=frontend.FFT_SAMPLES,
        )
        return tf.abs(spectrum)[:, :, self._bins]
