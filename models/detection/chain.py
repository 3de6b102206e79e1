"""A detector while it listens: audio in blocks of any size, its buffers and states kept between.

Each part takes rows and gives rows. A row knows how many samples had been heard when it was there,
so the time of a score is the deployed one, with all windows and hops of the chain.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import ConfigurationError
from models import frontend
from models.detection import micro_frontend
from models.detection.detector import Detector, Frontend, Head, Stage
from models.tflite import reader
from models.tflite.apart import Model
from models.tflite.arrays import Floats, filled

THREADS = 1
Samples: TypeAlias = NDArray[np.int64]
_Place: TypeAlias = tuple[Hashable, ...]  # a part and all before it


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows in the order of time.

    Args:
        values: float32 [rows, width].
        ends: int64 [rows], the samples of audio that had been heard when each was there.
    """

    values: Floats
    ends: Samples


class Part(Protocol):
    """One part of a chain, with what it keeps between two calls."""

    def __call__(self, rows: Rows) -> Rows:
        """Returns what new rows give; perhaps none."""


class Chains:
    """Detectors that listen to one stream from its beginning on; states are kept between calls.

    What several have in common, from the front-end on, runs once: three words of openWakeWord have
    one log-mel and one embedding.

    Args:
        detectors: their files are opened, each in a process of its own.

    Attributes:
        heard: samples so far.

    Raises:
        ConfigurationError: a file does not take what is before it, or a package is missing.
        ModelFileError: a file is not a model, or crashes.
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._parts: dict[_Place, Part] = {}
        self._places: list[list[_Place]] = []
        for detector in detectors:
            parts = _parts(detector)
            places = [tuple(key for key, _ in parts[: end + 1]) for end in range(len(parts))]
            self._places.append(places)
            for place, (_, make) in zip(places, parts, strict=True):
                if place not in self._parts:
                    self._parts[place] = make()
        self.heard = 0

    def __call__(self, audio: Floats) -> list[Rows]:
        """Returns what new audio gives each detector: scores as rows of one number, or embeddings.

        Args:
            audio: float32 [samples], 16 kHz mono, in [-1, 1].
        """
        ends = np.arange(self.heard + 1, self.heard + len(audio) + 1)
        self.heard += len(audio)
        given: dict[_Place, Rows] = {}
        last = []
        for places in self._places:
            rows = Rows(values=audio[:, np.newaxis], ends=ends)
            for place in places:
                if place not in given:  # without rows their width is not known
                    given[place] = self._parts[place](rows) if len(rows.values) else rows
                rows = given[place]
            last.append(rows)
        return last


class _Cut:
    """Rows that wait for the windows that they are in.

    Args:
        window, hop: in rows.
    """

    def __init__(self, window: int, hop: int) -> None:
        self._window, self._hop = window, hop
        self._waiting: Rows | None = None

    def __call__(self, rows: Rows) -> tuple[Rows, int]:
        """Returns the rows of all windows that are whole now, from the first one on, and how many.

        Rows that no later window has are forgotten.
        """
        if self._waiting is not None:
            rows = Rows(
                values=np.concatenate([self._waiting.values, rows.values]),
                ends=np.concatenate([self._waiting.ends, rows.ends]),
            )
        count = max(0, (len(rows.values) - self._window) // self._hop + 1)
        rest = count * self._hop
        self._waiting = Rows(values=rows.values[rest:], ends=rows.ends[rest:])
        return rows, count

    def windows(self, rows: Rows) -> tuple[Floats, Samples]:
        """Returns the windows that are whole now, float32 [windows, window, width], their ends."""
        rows, count = self(rows)
        width = rows.values.shape[1]
        if not count:
            return np.empty((0, self._window, width), np.float32), np.empty(0, np.int64)
        views = np.lib.stride_tricks.sliding_window_view(rows.values, self._window, axis=0)
        ends = rows.ends[self._window - 1 :: self._hop][:count]
        return views[:: self._hop][:count].transpose(0, 2, 1), ends


class _LogMel:
    """Our log-mel front-end, frame by frame."""

    def __init__(self) -> None:
        self._cut = _Cut(frontend.FRAME_SAMPLES, frontend.FRAME_HOP_SAMPLES)

    def __call__(self, rows: Rows) -> Rows:
        rows, count = self._cut(rows)
        last = frontend.FRAME_SAMPLES - 1 + frontend.FRAME_HOP_SAMPLES * np.arange(count)
        if not count:
            return Rows(values=np.empty((0, frontend.MEL_BINS), np.float32), ends=rows.ends[:0])
        frames = frontend.log_mel(rows.values[: frontend.samples_of(count), 0])[:count]
        return Rows(values=frames, ends=rows.ends[last])


class _Micro:
    """TensorFlow Lite Micro's front-end, which adapts to the noise and keeps that as its state."""

    def __init__(self) -> None:
        self._front = micro_frontend.MicroFrontend()
        self._cut = _Cut(micro_frontend.HOP_SAMPLES, micro_frontend.HOP_SAMPLES)

    def __call__(self, rows: Rows) -> Rows:
        hops, ends = self._cut.windows(rows)
        features = zip(self._front(hops[:, :, 0]), ends, strict=True)
        there = [(each, end) for each, end in features if each]
        values = np.array([each for each, _ in there], np.float32)
        return Rows(
            values=values.reshape(-1, micro_frontend.FEATURES),
            ends=np.array([end for _, end in there], np.int64),
        )


class _File:
    """A .tflite file over windows of rows; several rows of an inference have its end."""

    def __init__(self, path: Path, stage: Stage, delegate: str) -> None:
        content = reader.read(path)
        self._path, self._stage, self._delegate = path, stage, delegate
        self._cut = _Cut(stage.window, stage.hop)
        self._declared = content.inputs[0].shape
        self._states_in = len(content.inputs) - 1
        if self._states_in > len(content.outputs) - 1:
            raise ConfigurationError(
                f"{path}: takes {len(content.inputs)} inputs and gives {len(content.outputs)}",
                hint="each input after the first is a state, and has an output of its shape",
            )
        self._model: Model | None = None
        self._states: list[Floats] = []

    def __call__(self, rows: Rows) -> Rows:
        model, shape = self._opened(rows.values.shape[1])
        windows, ends = self._cut.windows(rows)
        if not len(windows):
            return Rows(values=np.empty((0, 1), np.float32), ends=ends)
        inputs = (windows * np.float32(self._stage.input_scale)).reshape(-1, *shape)
        if self._states_in:
            outputs = np.stack([self._step(model, each) for each in inputs])
        else:
            outputs = model.in_turn(np.ascontiguousarray(inputs))[0]
        values = self._rows_of(outputs)
        return Rows(values=values, ends=np.repeat(ends, len(values) // len(ends)))

    def _opened(self, width: int) -> tuple[Model, tuple[int, ...]]:
        """Returns the model and its input's shape, which the width of the rows completes."""
        shape = filled(self._path, self._declared, self._stage.window * width)
        if self._model is None:
            shapes = () if self._states_in else (shape,)
            self._model = Model(self._path, threads=THREADS, delegate=self._delegate, shapes=shapes)
            self._states = [np.zeros(each, np.float32) for each in self._model.input_shapes()[1:]]
        return self._model, shape

    def _step(self, model: Model, window: Floats) -> Floats:
        outputs = model(window, *self._states)
        states = outputs[1 : 1 + self._states_in]
        if [each.shape for each in states] != [each.shape for each in self._states]:
            raise ConfigurationError(
                f"{self._path}: its states change their shapes",
                hint="outputs after the first are the new states, in the order of the inputs",
            )
        self._states = states
        return outputs[0]

    def _rows_of(self, outputs: Floats) -> Floats:
        """Returns the rows of several inferences, float32 [rows, width]."""
        sides = [side for side in outputs.shape[1:] if side != 1]
        width = sides[-1] if sides else 1
        rows = outputs.reshape(-1, width)
        if (index := self._stage.output_index) is not None:
            if not 0 <= index < width:
                raise ConfigurationError(
                    f"{self._path}: gives {width} numbers, so there is none of index {index}",
                    hint="output_index counts from 0",
                )
            rows = rows[:, index : index + 1]
        scaled: Floats = rows * np.float32(self._stage.output_scale) + np.float32(
            self._stage.output_offset
        )
        return scaled


class _Headed:
    """A linear head on embeddings."""

    def __init__(self, head: Head) -> None:
        self._head = head

    def __call__(self, rows: Rows) -> Rows:
        return Rows(values=self._head.scores(rows.values), ends=rows.ends)


def _parts(detector: Detector) -> list[tuple[Hashable, Callable[[], Part]]]:
    """Returns the parts of a detector, each with what decides all that it gives."""
    parts: list[tuple[Hashable, Callable[[], Part]]] = []
    match detector.frontend:
        case Frontend.LOG_MEL:
            parts.append((detector.frontend, _LogMel))
        case Frontend.MICRO:
            parts.append((detector.frontend, _Micro))
        case Frontend.NONE:
            pass
    for (path, stage), sha256 in zip(detector.stages, detector.sha256s, strict=True):
        key = sha256, replace(stage, file=""), detector.delegate
        parts.append((key, partial(_File, path, stage, detector.delegate)))
    if detector.head is not None:
        parts.append((id(detector.head), partial(_Headed, detector.head)))
    return parts
