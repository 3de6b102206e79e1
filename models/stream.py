"""What a stream file takes and gives: the audio of a hop and its state, explicit tensors.

Each call takes a hop of audio, the samples before it that its first frames need, and the frames of
the window that are not new. It gives the embedding of the last 15,600 samples, and the new state.
A state begins as zeros, so that embeddings count from the call on that fills a window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from models import frontend
from models.tflite.apart import Model
from models.tflite.arrays import Floats

PAST_SAMPLES = frontend.FRAME_SAMPLES - frontend.FRAME_HOP_SAMPLES  # 240
# Of the input tensors, in order. The first word puts them under the quantiser's rule for the
# front-end: audio and log-mel in 8 bits would be noise.
INPUTS = ("frontend_audio", "frontend_past_samples", "frontend_past_frames")


@dataclass(frozen=True, slots=True)
class Hop:
    """The hop of a stream, and the shapes and the number of calls that follow from it.

    Args:
        frames: new log-mel frames of a call, 1 to 96.
    """

    frames: int

    @property
    def samples(self) -> int:
        """New audio of a call."""
        return self.frames * frontend.FRAME_HOP_SAMPLES

    @property
    def calls_to_fill(self) -> int:
        """The first call from zeros whose embedding covers a whole window."""
        return -(-frontend.WINDOW_SAMPLES // self.samples)

    @property
    def state_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the state: past samples and past frames; a hop of 96 has no past frames."""
        frames = frontend.PATCH_FRAMES - self.frames
        samples = (1, PAST_SAMPLES)
        return (samples, (1, frames, frontend.MEL_BINS, 1)) if frames else (samples,)

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the input tensors: audio and state."""
        return (1, self.samples), *self.state_shapes


def hop_of(input_shapes: tuple[tuple[int, ...], ...]) -> Hop | None:
    """Returns the hop of a file with these inputs; ``None`` if they are not a stream's."""
    size = input_shapes[0][-1] if input_shapes and len(input_shapes[0]) == 2 else 0
    frames, rest = divmod(size, frontend.FRAME_HOP_SAMPLES)
    if rest or not 1 <= frames <= frontend.PATCH_FRAMES:
        return None
    hop = Hop(frames)
    return hop if hop.input_shapes == input_shapes else None


def filled(windows: Floats, hop: Hop) -> tuple[Floats, ...]:
    """Returns a stream's inputs of windows of audio, its state as it is after the earlier samples.

    Args:
        windows: float32 [count, 15600], 16 kHz mono, in [-1, 1].

    Returns:
        One array for each input, float32 [count, ...].
    """
    old = frontend.WINDOW_SAMPLES - hop.samples
    audio, past = windows[:, old:], windows[:, old - PAST_SAMPLES : old]
    if hop.frames == frontend.PATCH_FRAMES:
        return audio, past
    patches = np.stack([frontend.patch(window) for window in windows])
    return audio, past, patches[:, : -hop.frames, :, np.newaxis]


class Stream:
    """One stream of audio through a file; several may share a ``Model``.

    Args:
        model: of a stream file.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        audio, *state = model.input_shapes()
        self.hop = Hop(audio[1] // frontend.FRAME_HOP_SAMPLES)
        self._state = [np.zeros(shape, dtype=np.float32) for shape in state]

    def __call__(self, audio: Floats) -> Floats:
        """Returns the embedding after the audio of a hop, float32 [dimensions].

        Args:
            audio: float32 [160 * frames], 16 kHz mono, in [-1, 1].
        """
        embedding, *self._state = self._model(audio[np.newaxis], *self._state)
        return embedding.ravel()


def embeddings(model: Model, windows: Iterable[Floats]) -> Iterator[Floats]:
    """Yields the embedding of each window of a clip, float32 [dimensions], hop by hop.

    A window that is one hop after the one before takes one call. Any other one begins a stream of
    its own, with zeros before its audio, so that a call ends where the window ends.

    Args:
        model: of a stream file.
        windows: each float32 [15600], 16 kHz mono, in [-1, 1].
    """
    stream, before = Stream(model), np.empty(0, dtype=np.float32)
    samples, calls = stream.hop.samples, stream.hop.calls_to_fill
    for window in windows:
        audio = window[-samples:]
        if not np.array_equal(before[samples:], window[:-samples]):
            stream = Stream(model)
            audio = np.pad(window, (calls * samples - len(window), 0))
        before = window
        for hop in audio.reshape(-1, samples):
            embedding = stream(hop)
        yield embedding
