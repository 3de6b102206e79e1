"""The windows of clips as a model is given them: patches of log-mel, or windows of audio."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

import numpy as np

from bench.core.artifact import Artifact, Role
from bench.core.errors import ConfigurationError
from bench.core.progress import OnProgress, ignore
from models import frontend
from models.audio.decode import decode
from models.embeddings.frames import frames_of
from models.embeddings.windows import starts_of
from models.tflite import reader
from models.tflite.apart import Model
from models.tflite.arrays import Floats, filled


class Cut(Sequence[Floats]):
    """Windows of a clip, each float32 [...]; none is copied before it is asked for.

    Args:
        every: float32 [places, ...], the window at every place, a view of the clip.
        places: of the windows.
    """

    def __init__(self, every: Floats, places: Sequence[int]) -> None:
        self._every, self._places = every, places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> Floats: ...
    @overload
    def __getitem__(self, at: slice) -> Cut: ...
    def __getitem__(self, at: int | slice) -> Floats | Cut:
        if isinstance(at, slice):
            return Cut(self._every, self._places[at])
        window: Floats = self._every[self._places[at]]
        return window


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipWindows:
    """The windows of one clip, each once, though several hops have it.

    Args:
        sha256: of the clip.
        samples: of its audio, at 16 kHz.
        starts: in samples at 16 kHz, where each window starts.
        inputs: what the model is given, float32 [...] for each window.
        at_hop: hop in samples to the indices of its windows in ``inputs``.
    """

    sha256: str
    samples: int
    starts: tuple[int, ...]
    inputs: Sequence[Floats]
    at_hop: Mapping[int, tuple[int, ...]]


def clip_windows(
    artifact: Artifact,
    clips: Mapping[str, Path],
    *,
    hops: Sequence[int],
    cache: Path,
    frontend_path: Path | None = None,
    on_progress: OnProgress = ignore,
) -> Iterator[ClipWindows]:
    """Yields the windows of each clip.

    Those of a stream are windows of audio, as for a file that takes them whole.

    Args:
        artifact, clips, hops, cache, frontend_path, on_progress: as for ``embed_at_hops``.

    Raises:
        ConfigurationError: the file is not an audio embedding, or a clip cannot be decoded.
    """
    if frontend_path is not None:
        audio = _audio_windows(artifact, clips, hops, on_progress)
        return _through(opened_front(frontend_path, artifact), audio)
    if takes_patches(artifact):
        return _patches(artifact, clips, hops, cache, on_progress)
    return _audio_windows(artifact, clips, hops, on_progress)


def windows_of(
    artifact: Artifact, audio: Iterable[Floats], *, hop: int, front: Model | None = None
) -> Iterator[ClipWindows]:
    """Yields the windows of audio in memory, as ``clip_windows`` does of files; nothing is cached.

    Args:
        audio: of each clip, float32 [samples], 16 kHz mono, in [-1, 1].
        hop: in samples.
        front: makes the model's input from a window of audio, for models whose log-mel is not ours.

    Raises:
        ConfigurationError: the file is not an audio embedding.
    """
    if front is not None:
        return _through(front, (_of_audio("", artifact, each, (hop,)) for each in audio))
    if takes_patches(artifact):
        return (_of_log_mel("", artifact, each, (hop,)) for each in audio)
    return (_of_audio("", artifact, each, (hop,)) for each in audio)


def opened_front(path: Path, artifact: Artifact) -> Model:
    """Returns the opened file that makes an artifact's input from a window of audio.

    A length that the file leaves open is that of the window.

    Raises:
        ConfigurationError: the artifact embeds no audio, or the file does not take its window.
        ModelFileError: the file is not a usable model.
    """
    shape = reader.read(path).inputs[0].shape
    free = min(shape, default=0) < 0
    return Model(path, shapes=(filled(path, shape, artifact.audio()[0]),) if free else ())


def takes_patches(artifact: Artifact) -> bool:
    """Returns whether a file takes patches of log-mel; the other ones take windows of audio.

    Raises:
        ConfigurationError: it embeds no audio.
    """
    match artifact.role:
        case Role.EMBEDDING_PATCH:
            return True
        case Role.EMBEDDING_WAVEFORM | Role.EMBEDDING_STREAM:
            return False
        case _:
            raise ConfigurationError(
                f"{artifact.file}: its role is {artifact.role}, so it embeds no audio",
                hint="score a file whose role is embedding-patch, -waveform or -stream",
            )


def _patches(
    artifact: Artifact,
    clips: Mapping[str, Path],
    hops: Sequence[int],
    cache: Path,
    on_progress: OnProgress,
) -> Iterator[ClipWindows]:
    frames = frames_of(clips, cache=cache, on_progress=on_progress)
    for done, sha256 in enumerate(clips):
        on_progress(done, len(clips))
        yield _of_frames(sha256, artifact, frames.of(sha256), frames.samples(sha256), hops)


def _audio_windows(
    artifact: Artifact, clips: Mapping[str, Path], hops: Sequence[int], on_progress: OnProgress
) -> Iterator[ClipWindows]:
    for done, (sha256, path) in enumerate(clips.items()):
        on_progress(done, len(clips))
        yield _of_audio(sha256, artifact, decode(path), hops)


def _of_audio(sha256: str, artifact: Artifact, audio: Floats, hops: Sequence[int]) -> ClipWindows:
    window, _ = artifact.audio()
    first, at_hop = _starts(artifact, len(audio), hops)
    padded = np.pad(audio, (0, max(0, window - len(audio)))).astype(np.float32, copy=False)
    inputs = Cut(np.lib.stride_tricks.sliding_window_view(padded, window), first)
    return ClipWindows(
        sha256=sha256, samples=len(audio), starts=tuple(first), inputs=inputs, at_hop=at_hop
    )


def _of_log_mel(sha256: str, artifact: Artifact, audio: Floats, hops: Sequence[int]) -> ClipWindows:
    return _of_frames(sha256, artifact, frontend.log_mel(audio), len(audio), hops)


def _of_frames(
    sha256: str, artifact: Artifact, frames: Floats, samples: int, hops: Sequence[int]
) -> ClipWindows:
    """Returns the patches of one clip.

    Args:
        frames: float32 [frames, 64].
        samples: of the audio.
    """
    every = np.lib.stride_tricks.sliding_window_view(frames, frontend.PATCH_FRAMES, axis=0)
    covered = frontend.samples_of(frontend.unpadded_frames(samples))
    first, at_hop = _starts(artifact, covered, hops)
    inputs = Cut(every.transpose(0, 2, 1), [at // frontend.FRAME_HOP_SAMPLES for at in first])
    return ClipWindows(
        sha256=sha256, samples=samples, starts=tuple(first), inputs=inputs, at_hop=at_hop
    )


def _starts(
    artifact: Artifact, samples: int, hops: Sequence[int]
) -> tuple[list[int], dict[int, tuple[int, ...]]]:
    """Returns where the windows of all hops start, each once, and each hop's indices of them."""
    by_hop = {hop: starts_of(artifact, samples, hop) for hop in hops}
    first = sorted({start for of_hop in by_hop.values() for start in of_hop})
    places = {start: index for index, start in enumerate(first)}
    return first, {hop: tuple(places[start] for start in by_hop[hop]) for hop in hops}


def _through(front: Model, windows: Iterator[ClipWindows]) -> Iterator[ClipWindows]:
    shape = front.input_shapes()[0]
    for clip in windows:
        features = [front(window.reshape(shape))[0] for window in clip.inputs]
        yield replace(clip, inputs=[np.squeeze(feature) for feature in features])
