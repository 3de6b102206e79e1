"""Loads a SavedModel and lists the ways to call it with audio."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from bench.core.artifact import SAMPLE_RATE_HZ
from bench.core.errors import ConfigurationError
from models.tflite.arrays import Floats


class NotTakenError(ConfigurationError):
    """A model does not take this call."""


class Takes(StrEnum):
    """The input of one call of a model."""

    CLIP = "one clip [samples]"
    CLIPS = "clips [batch, samples]"
    PATCHES = "log-mel patches [patches, 96, 64, 1]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A way to call a model.

    Args:
        words: what it is called with, for people.
        run: returns the outputs by name, or by index where they have none; raises
            ``NotTakenError`` where the model does not take such a call.
    """

    takes: Takes
    words: str
    run: Callable[[Floats], Mapping[str, Floats]]


def runtime() -> str:
    """Returns the runtime's name and version, such as ``tensorflow 2.21.0``."""
    return f"tensorflow {tf.__version__}"


def calls(folder: Path) -> list[Call]:
    """Returns every way to call a SavedModel, the most specific first.

    TRILL takes a clip and its rate, FRILL and TRILLsson take clips, YAMNet a clip, FRILL without
    its front-end patches; by keyword or by position. A model that is not callable has a signature.

    Raises:
        ConfigurationError: the folder holds no SavedModel.
    """
    try:
        model = tf.saved_model.load(str(folder))
    except (OSError, ValueError, TypeError, tf.errors.OpError) as error:
        raise ConfigurationError(
            f"{folder}: TensorFlow cannot load it as a SavedModel: {_line(error)}",
            hint="give the folder that holds saved_model.pb and variables/",
        ) from error
    direct = list(_direct(model)) if callable(model) else []
    return [*direct, *(_signed(model, signature) for signature in model.signatures.values())]


def _direct(model: Any) -> Iterator[Call]:
    for takes in (Takes.CLIP, Takes.CLIPS):
        yield _call(
            takes,
            "samples=, sample_rate=",
            lambda audio: model(samples=audio, sample_rate=SAMPLE_RATE_HZ),
        )
        yield _call(takes, "audio, rate", lambda audio: model(audio, SAMPLE_RATE_HZ))
        yield _call(takes, "samples=", lambda audio: model(samples=audio))
        yield _call(takes, "audio", lambda audio: model(audio))
    yield _call(Takes.PATCHES, "patches", lambda patches: model(patches))


def _signed(model: Any, signature: Any) -> Call:
    """Returns the call of a signature; ``model`` must stay alive, with its variables."""
    specs = signature.structured_input_signature[1]
    rates = {name for name, spec in specs.items() if spec.dtype.is_integer}
    inputs = [name for name in specs if name not in rates]
    rank = specs[inputs[0]].shape.rank if len(inputs) == 1 else None
    takes = {1: Takes.CLIP, 2: Takes.CLIPS}.get(rank or 0, Takes.PATCHES)

    def run(value: Floats) -> Any:
        if model is None or len(inputs) != 1:
            raise TypeError(f"the signature takes {', '.join(specs)}")
        rate = {name: tf.constant(SAMPLE_RATE_HZ, specs[name].dtype) for name in rates}
        return signature(**{inputs[0]: tf.constant(value)}, **rate)

    return _call(takes, f"signature of {', '.join(specs)}", run)


def _call(takes: Takes, words: str, run: Callable[[Any], Any]) -> Call:
    def checked_run(value: Floats) -> Mapping[str, Floats]:
        try:
            return _named(run(tf.constant(value)))
        except (TypeError, ValueError, tf.errors.OpError) as error:
            raise NotTakenError(
                f"called with {takes} ({words}): {_line(error)}",
                hint="give a model that takes audio or log-mel patches",
            ) from error

    return Call(takes=takes, words=words, run=checked_run)


def _named(outputs: Any) -> dict[str, Floats]:
    if not isinstance(outputs, Mapping):
        several = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        outputs = {str(index): each for index, each in enumerate(several)}
    return {str(name): np.asarray(each, dtype=np.float32) for name, each in outputs.items()}


def _line(error: Exception) -> str:
    text, *_ = " ".join(str(error).split()).split("Received args")  # which are long arrays
    return text[:200].strip()
