"""Makes tests/data/tiny.tflite and tiny_split.tflite, whose output is committed; needs TensorFlow.

``tiny`` (convolution and dense) is taken whole by XNNPACK. ``tiny_split`` has a floor-modulo in the
middle, which XNNPACK does not know, so that it is cut into two partitions. Weights are seeded.
"""

from pathlib import Path

import tensorflow as tf

HERE = Path(__file__).parent


def _model(*, split: bool) -> tf.Module:
    random = tf.random.Generator.from_seed(7)
    kernel = tf.constant(random.normal((3, 3, 1, 4)) * 0.3)
    dense = tf.constant(random.normal((64, 3)) * 0.2)

    @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 1), tf.float32, name="patch")])
    def embed(patch: tf.Tensor) -> tf.Tensor:
        x = tf.nn.relu(tf.nn.conv2d(patch, kernel, strides=2, padding="SAME"))
        if split:
            x = tf.math.floormod(x, 0.7)
        return tf.linalg.matmul(tf.reshape(x, (1, 64)), dense)

    module = tf.Module()
    module.embed = embed
    return module


for name, split in (("tiny", False), ("tiny_split", True)):
    module = _model(split=split)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.embed.get_concrete_function()], module
    )
    (HERE / f"{name}.tflite").write_bytes(converter.convert())
