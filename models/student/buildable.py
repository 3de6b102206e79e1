"""The models that can be built: students, a teacher of TRILL's shape, log-mel front-ends."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench.core.artifact import IN_GRAPH, LOG_MEL, NO_FRONTEND
from bench.core.errors import ConfigurationError
from models import frontend, stream
from models.student import mobilenetv3, resnet
from models.student.ops import frame_macs
from models.student.spec import InGraphFrontend, StudentSpec, parse_name


@dataclass(frozen=True, slots=True)
class TrillShaped:
    """The teacher of TRILL's shape (models/student/resnet.py)."""

    @property
    def name(self) -> str:
        """Its one name."""
        return "trill-shaped"


@dataclass(frozen=True, slots=True)
class LogMelFrontend:
    """A log-mel front-end as a model of its own: audio in, log-mel frames out.

    Args:
        frames: how many; a whole patch by default, or the new ones of a hop.
    """

    graph: InGraphFrontend
    frames: int = frontend.PATCH_FRAMES

    def __post_init__(self) -> None:
        """Checks the number of frames.

        Raises:
            ConfigurationError: it is not 1 to 96.
        """
        if not 1 <= self.frames <= frontend.PATCH_FRAMES:
            raise ConfigurationError(
                f"a front-end of {self.frames} frames cannot be built",
                hint=f"give 1 to {frontend.PATCH_FRAMES} frames, such as frontend-dft-17",
            )

    @property
    def name(self) -> str:
        """``frontend-dft`` or ``frontend-stft``, with ``-17`` for the 17 new frames of a hop."""
        whole = self.frames == frontend.PATCH_FRAMES
        return f"frontend-{self.graph.value}{'' if whole else f'-{self.frames}'}"


# The name in a zoo of TRILL's own file, which its user adds: zoo add trill.tflite --name trill.
TRILL = "trill"
Buildable = StudentSpec | TrillShaped | LogMelFrontend
FRONTENDS = tuple(LogMelFrontend(graph) for graph in (InGraphFrontend.DFT, InGraphFrontend.STFT))
_FRONTEND_NAME = re.compile(r"frontend-(?P<graph>dft|stft)(?:-(?P<frames>[0-9]+))?")
_PATCH = (1, frontend.PATCH_FRAMES, frontend.MEL_BINS, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What is known of a model before it is built.

    Args:
        parameters: as Keras counts them.
        macs: multiply-accumulates of one inference.
        frontend, window_samples, hop_samples, calls_to_fill: as in a manifest
            (bench/core/artifact.py).
    """

    parameters: int
    macs: int
    input_shapes: tuple[tuple[int, ...], ...]
    output_shapes: tuple[tuple[int, ...], ...]
    frontend: str
    window_samples: int
    hop_samples: int
    calls_to_fill: int = 1


def parse(name: str) -> Buildable:
    """Returns the model that a name stands for; ``frontend-dft-96`` is ``frontend-dft``.

    Raises:
        ConfigurationError: no model of that name can be built.
    """
    if name == TrillShaped().name:
        return TrillShaped()
    match = _FRONTEND_NAME.fullmatch(name)
    if match is None:
        return parse_name(name)
    frames = match["frames"]
    graph = InGraphFrontend(match["graph"])
    return LogMelFrontend(graph) if frames is None else LogMelFrontend(graph, int(frames))


def takes_audio(model: Buildable) -> bool:
    """Returns whether a model takes audio; others take a log-mel patch.

    A stream's inputs are made from windows of audio (``models.stream.filled``).
    """
    match model:
        case StudentSpec():
            return model.frontend is not InGraphFrontend.NONE
        case LogMelFrontend():
            return True
        case TrillShaped():
            return False


def architecture(model: Buildable) -> Architecture:
    """Returns a model's size, work and shapes."""
    window, hop = frontend.WINDOW_SAMPLES, frontend.PATCH_HOP_SAMPLES
    match model:
        case StudentSpec(is_stream=True):
            return _stream(model)
        case StudentSpec():
            parameters, macs = mobilenetv3.count(model)
            outputs: tuple[tuple[int, ...], ...] = ((1, model.embedding_size),)
            source = IN_GRAPH if takes_audio(model) else LOG_MEL
        case LogMelFrontend():
            parameters, macs = 0, model.frames * frame_macs(model.graph.value)
            outputs, source = ((1, model.frames, frontend.MEL_BINS, 1),), NO_FRONTEND
            window = frontend.samples_of(model.frames)
            hop = model.frames * frontend.FRAME_HOP_SAMPLES
        case TrillShaped():
            parameters, macs = resnet.count()
            outputs, source = ((1, resnet.LAYER19_SIZE), (1, resnet.EMBEDDING_SIZE)), LOG_MEL
    return Architecture(
        parameters=parameters,
        macs=macs,
        input_shapes=((1, window),) if takes_audio(model) else (_PATCH,),
        output_shapes=outputs,
        frontend=source,
        window_samples=window,
        hop_samples=hop,
    )


def _stream(model: StudentSpec) -> Architecture:
    parameters, macs = mobilenetv3.count(model)
    hop = stream.Hop(model.hop_frames)
    return Architecture(
        parameters=parameters,
        macs=macs,
        input_shapes=hop.input_shapes,
        output_shapes=((1, model.embedding_size), *hop.state_shapes),
        frontend=IN_GRAPH,
        window_samples=frontend.WINDOW_SAMPLES,
        hop_samples=hop.samples,
        calls_to_fill=hop.calls_to_fill,
    )
