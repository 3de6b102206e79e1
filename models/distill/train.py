"""Trains a student to match its teacher's outputs. Runs in a process of its own, one per student.

As FRILL did (mean squared error of a linear layer over the embedding, Adam), with three additions:
a held-out part, early stopping, and a checkpoint after each epoch, from which an interrupted
training resumes and gives the same curve.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bench.core import atomic, config
from bench.core.errors import BenchError, ConfigurationError, ConversionError
from bench.core.progress import ignore
from models.distill.job import OUTCOME, WEIGHTS, Epoch, TrainingJob, TrainingOutcome
from models.distill.recipe import Schedule
from models.distill.targets import Targets, open_targets
from models.network import build, fake_quant, low_rank, qat
from models.student import weights as weights_file
from models.student.spec import StudentSpec
from models.student.weights import Weights

_STATE, _HEAD = "state.npz", "head.npz"
_LAST_RATE = 0.01  # of the highest
_SETTLING_PATCHES = 512
_VALIDATION_BATCH = 256
_NOISE = 0.1
_FITTED_PATCHES = 4096
_RIDGE = 1.0  # of the mean squared embedding; less gives a layer so large that training diverges
_REPORT_EVERY_S = 0.5


OnProgress = Callable[[int, int, str], None]  # steps done, all steps, status


def train(job: TrainingJob, *, on_progress: OnProgress = ignore) -> TrainingOutcome:
    """Returns the outcome of a training, after writing it and the weights to the job's folder.

    Raises:
        ConfigurationError: quantisation-aware training without weights to start from.
        ConversionError: the loss is no longer finite.
    """
    targets = open_targets(job.targets)
    strategy = _strategy()
    with strategy.scope():
        training = _Training(job, targets)
    training.resume()
    for epoch in range(len(training.curve), job.schedule.epochs):
        if training.is_stuck():
            break
        training.run_epoch(epoch, on_progress)
        training.save()
    outcome, weights = training.finish()
    config.save(job.folder / OUTCOME, outcome)
    weights_file.save(job.folder / WEIGHTS, weights)  # last: it marks the training as complete
    (job.folder / _STATE).unlink(missing_ok=True)
    return outcome


class _Training:
    """A network in training, with everything that resuming needs."""

    def __init__(self, job: TrainingJob, targets: Targets) -> None:
        self._job = job
        self._targets = targets
        self._spec = job.student
        self._steps = targets.index.training // job.schedule.batch_size
        if self._steps == 0:
            raise ConfigurationError(
                f"{targets.index.training} windows do not fill a batch of "
                f"{job.schedule.batch_size}",
                hint="give more audio or a smaller batch",
            )
        self._student = _student(job, self._spec, targets)
        self._head = keras.layers.Dense(targets.index.size, name="target")
        self._net = keras.Model(self._student.inputs, self._head(self._student.output))
        if self._spec.qat and job.start is not None:
            with np.load(job.start / _HEAD) as head:
                self._head.set_weights([head["kernel"], head["bias"]])
        elif job.weights is not None:
            self._head.set_weights(_fitted_head(self._student, targets, job.schedule.seed))
        for layer in self._net.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = job.schedule.batch_norm_momentum
        self._optimizer = _optimizer(job.schedule, self._steps)
        self._net.compile(self._optimizer, loss="mse", jit_compile=False)
        self._optimizer.build(self._net.trainable_variables)
        # Not predict_on_batch: with several GPUs that gives each of them the whole batch.
        self._forward = tf.function(partial(self._net, training=False), jit_compile=False)
        self.curve: list[Epoch] = []
        self._best: list[NDArray[np.float32]] = []

    def resume(self) -> None:
        """Restores the state after the last whole epoch, if there is one."""
        path = self._job.folder / _STATE
        if not path.is_file():
            return
        with np.load(path) as state:
            self.curve = [
                config.structure(each, Epoch, source=str(path))
                for each in json.loads(str(state["curve"]))
            ]
            for index, variable in enumerate(self._variables()):
                variable.assign(state[f"now{index}"])
            self._best = [state[f"best{i}"] for i in range(len(self._net.variables))]

    def save(self) -> None:
        """Writes everything that the next epoch depends on."""
        state = {f"now{i}": each.numpy() for i, each in enumerate(self._variables())}
        state |= {f"best{index}": values for index, values in enumerate(self._best)}
        state["curve"] = np.array(json.dumps(config.unstructure(self.curve)))
        self._job.folder.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(self._job.folder / _STATE) as partial, partial.open("wb") as stream:
            np.savez(stream, **state)

    def is_stuck(self) -> bool:
        """Returns whether the held-out loss has not improved for ``patience`` epochs."""
        return len(self.curve) - self._best_epoch() >= self._job.schedule.patience

    def run_epoch(self, epoch: int, on_progress: OnProgress) -> None:
        """Trains for one epoch and validates.

        Raises:
            ConversionError: the loss is not finite.
        """
        started_s = time.monotonic()
        callbacks: list[keras.callbacks.Callback] = [
            _Progress(on_progress, epoch * self._steps, self._steps * self._job.schedule.epochs)
        ]
        if self._spec.bottleneck_rank is not None:
            callbacks.append(low_rank.Mixing())
        fitted = self._net.fit(
            self._batches(epoch), epochs=1, verbose=0, shuffle=False, callbacks=callbacks
        )
        duration_s = time.monotonic() - started_s
        loss = float(fitted.history["loss"][0])
        if not np.isfinite(loss):
            raise ConversionError(
                f"{self._spec.name}: the loss is {loss} after epoch {epoch + 1}",
                hint="try a lower learning_rate; the last whole epoch is kept",
            )
        validation_loss, cosine = self._validate()
        self.curve.append(
            Epoch(
                epoch=epoch + 1,
                steps=(epoch + 1) * self._steps,
                loss=loss,
                validation_loss=validation_loss,
                validation_cosine=cosine,
                duration_s=round(duration_s, 2),
                rate=round(self._steps * self._job.schedule.batch_size / duration_s, 1),
            )
        )
        if self._best_epoch() == len(self.curve):
            self._best = [each.numpy() for each in self._net.variables]

    def finish(self) -> tuple[TrainingOutcome, Weights]:
        """Returns the outcome, and the best epoch's weights as they are exported."""
        for variable, values in zip(self._net.variables, self._best, strict=True):
            variable.assign(values)
        if not fake_quant.rounders(self._student):  # there it is folded into the convolutions
            some = _some_patches(self._targets, self._job.schedule.seed)
            build.settle_batch_norm(self._net, some)
        kernel, bias = self._head.get_weights()
        with atomic.replacing(self._job.folder / _HEAD) as partial, partial.open("wb") as stream:
            np.savez(stream, kernel=kernel, bias=bias)
        validation_loss, cosine = self._validate()
        outcome = TrainingOutcome(
            curve=tuple(self.curve),
            best=self._best_epoch(),
            validation_loss=validation_loss,
            validation_cosine=cosine,
            stopped_early=len(self.curve) < self._job.schedule.epochs,
            tensorflow=tf.__version__,
            keras=keras.__version__,
        )
        return outcome, _weights(self._student, self._spec)

    def _best_epoch(self) -> int:
        losses = [each.validation_loss for each in self.curve]
        return int(np.argmin(losses)) + 1 if losses else 0

    def _variables(self) -> list[Any]:
        return [*self._net.variables, *self._optimizer.variables]

    def _validate(self) -> tuple[float, float]:
        """Returns mean squared error and mean cosine of the held-out windows."""
        first, last = self._targets.index.training, len(self._targets.values)
        errors, cosines = [], []
        for start in range(first, last, _VALIDATION_BATCH):
            rows = np.arange(start, min(start + _VALIDATION_BATCH, last))
            outputs = self._forward(_patches(self._targets, rows)).numpy()
            truth = self._targets.values[rows]
            errors.append(np.square(outputs - truth).mean(axis=1))
            norms = np.linalg.norm(outputs, axis=1) * np.linalg.norm(truth, axis=1)
            cosines.append((outputs * truth).sum(axis=1) / np.maximum(norms, 1e-9))
        return float(np.concatenate(errors).mean()), float(np.concatenate(cosines).mean())

    def _batches(self, epoch: int) -> tf.data.Dataset:
        """Returns an epoch's batches, in an order that depends on seed and epoch only."""
        schedule, targets = self._job.schedule, self._targets
        order = np.random.default_rng([schedule.seed, epoch]).permutation(targets.index.training)
        order = order[: self._steps * schedule.batch_size]

        def gather(rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            patches = _patches(targets, rows)
            if schedule.noise_ratio:
                rng = np.random.default_rng([schedule.seed, epoch, int(rows[0])])
                noisy = rng.random(len(rows)) < schedule.noise_ratio
                other = np.roll(patches, 1, axis=0)
                mixed = np.logaddexp(patches, other + np.float32(np.log(_NOISE)))
                patches = np.where(noisy[:, None, None, None], mixed, patches)
            return patches, targets.values[rows]

        def gather_shaped(rows: Any) -> tuple[Any, Any]:
            patches, values = tf.numpy_function(gather, [rows], [tf.float32, tf.float32])
            patches.set_shape((schedule.batch_size, *self._net.inputs[0].shape[1:]))
            values.set_shape((schedule.batch_size, targets.index.size))
            return patches, values

        rows = tf.data.Dataset.from_tensor_slices(order)
        return rows.batch(schedule.batch_size, drop_remainder=True).map(gather_shaped).prefetch(4)


class _Progress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Reports the progress of a training, at most twice a second."""

    def __init__(self, on_progress: OnProgress, done: int, total: int) -> None:
        super().__init__()
        self._on_progress, self._done, self._total = on_progress, done, total
        self._next_s = 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Reports it."""
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + _REPORT_EVERY_S
            loss = (logs or {}).get("loss", float("nan"))
            self._on_progress(self._done + batch + 1, self._total, f"loss {loss:.4f}")


def _patches(targets: Targets, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Returns patches as a student takes them, float32 [rows, 96, 64, 1]."""
    return targets.patches[rows].astype(np.float32)[..., np.newaxis]


def _some_patches(targets: Targets, seed: int) -> NDArray[np.float32]:
    """Returns a few hundred patches of training, drawn from ``seed``."""
    count = targets.index.training
    rows = np.random.default_rng(seed).choice(count, min(_SETTLING_PATCHES, count), replace=False)
    return _patches(targets, np.sort(rows))


def _strategy() -> tf.distribute.Strategy:
    several = len(tf.config.list_physical_devices("GPU")) > 1
    return tf.distribute.MirroredStrategy() if several else tf.distribute.get_strategy()


def _optimizer(schedule: Schedule, steps: int) -> keras.optimizers.Optimizer:
    total = steps * schedule.epochs
    rising = min(schedule.warmup_steps, total // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        schedule.learning_rate * (_LAST_RATE if rising else 1.0),
        total - rising,
        alpha=_LAST_RATE,
        warmup_target=schedule.learning_rate if rising else None,
        warmup_steps=rising,
    )
    if schedule.optimizer == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=schedule.weight_decay)
    return keras.optimizers.Adam(rate)


def _student(job: TrainingJob, spec: StudentSpec, targets: Targets) -> keras.Model:
    if spec.qat:
        if job.start is None:
            raise ConfigurationError(
                f"{spec.name}: quantisation-aware training starts from trained weights",
                hint=f"distill {spec.without_qat.name} first",
            )
        trained = weights_file.load(job.start / WEIGHTS)
        source = build.build_student(spec.without_qat, seed=0)
        build.set_weights(source, trained.arrays, name=source.name)
        if job.rounded == "embedding":
            return qat.bottleneck_aware(spec, source)
        return qat.quantisation_aware(spec, source, _some_patches(targets, job.schedule.seed))
    if spec.bottleneck_rank is not None:
        return low_rank.mixed(spec, seed=job.schedule.seed)
    student = build.build_student(spec, seed=job.schedule.seed)
    if job.weights is not None:
        trained = weights_file.load(job.weights)
        build.set_weights(student, trained.arrays, name=spec.name)
    return student


def _fitted_head(
    student: keras.Model, targets: Targets, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Returns kernel and bias of the linear layer that fits trained embeddings to the targets.

    Weights do not hold that layer, and a random one would make them worse at first.
    """
    count = targets.index.training
    chosen = np.random.default_rng(seed).choice(count, min(_FITTED_PATCHES, count), replace=False)
    rows = np.sort(chosen)
    forward = tf.function(partial(student, training=False), jit_compile=False)
    parts = np.array_split(rows, -(-len(rows) // _VALIDATION_BATCH))
    vectors = np.concatenate([forward(_patches(targets, part)).numpy() for part in parts])
    ones = np.ones((len(vectors), 1), dtype=np.float32)
    inputs = np.concatenate([vectors, ones], axis=1).astype(np.float64)
    gram = inputs.T @ inputs
    gram += _RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    solved = np.linalg.solve(gram, inputs.T @ targets.values[rows]).astype(np.float32)
    return solved[:-1], solved[-1]


def _weights(student: keras.Model, spec: StudentSpec) -> Weights:
    ranges: tuple[tuple[float, float], ...] = ()
    if spec.qat:
        ranges = tuple(qat.ranges(student))
        student = qat.plain(student, spec)
    elif spec.bottleneck_rank is not None:
        student = low_rank.unmixed(student, spec)
    arrays = {
        f"{layer.name}/{index}": np.asarray(values, dtype=np.float32)
        for layer in student.layers
        for index, values in enumerate(layer.get_weights())
    }
    return Weights(arrays=arrays, ranges=ranges)


def main(path: str) -> None:
    """Runs the job in a file and prints progress as lines of JSON."""
    job = config.load(Path(path), TrainingJob)

    def report(done: int, total: int, status: str) -> None:
        sys.__stdout__.write(json.dumps({"done": done, "total": total, "status": status}) + "\n")  # type: ignore[union-attr]  # a pipe is there
        sys.__stdout__.flush()  # type: ignore[union-attr]

    try:
        train(job, on_progress=report)
    except BenchError as error:
        sys.exit(f"{error.message} ({error.hint})")


if __name__ == "__main__":
    main(sys.argv[1])
