"""Makes the tiny .tflite embeddings beside it; needs TensorFlow, is run by hand, once.

patch.tflite: log-mel [-1, 96, 64, 1] to the mean of each mel bin, [-1, 64]
patch_one.tflite: the same with a batch of one
waveform.tflite: audio [1, 15600] to the mean of each of 15 pieces squared, [1, 15]
zero.tflite: log-mel [1, 96, 64, 1] to zeros, [1, 64]
crash.tflite: as waveform.tflite, plus the least int32 modulo -1 of each negative sample (so not of
    silence), which ends a process on x86
nan.tflite: log-mel [1, 96, 64, 1] to the logarithm of negative numbers, [1, 64]
"""

from pathlib import Path

import tensorflow as tf


def save(name: str, shape: list[int | None], function: object) -> None:
    spec = tf.TensorSpec(shape, tf.float32)
    concrete = tf.function(function, input_signature=[spec]).get_concrete_function()
    content = tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert()
    (Path(__file__).parent / f"{name}.tflite").write_bytes(content)


def mels(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(x, axis=[1, 3])


save("patch", [None, 96, 64, 1], mels)
save("patch_one", [1, 96, 64, 1], mels)
save("waveform", [1, 15600], lambda x: tf.reduce_mean(tf.reshape(x, [1, 15, 1040]) ** 2, axis=2))


def crashing(x: tf.Tensor) -> tf.Tensor:
    odd = tf.cast(2.0 * tf.floor(x) + 1.0, tf.int32)  # -1 of a negative sample, else 1
    modulo = tf.cast(tf.math.floormod(tf.int32.min, odd), tf.float32)
    return tf.reduce_mean(tf.reshape(x + modulo, [1, 15, 1040]) ** 2, axis=2)


save("crash", [1, 15600], crashing)
save("zero", [1, 96, 64, 1], lambda x: tf.maximum(mels(x), 100.0) - 100.0)
save("nan", [1, 96, 64, 1], lambda x: tf.math.log(-tf.abs(mels(x)) - 1.0))
