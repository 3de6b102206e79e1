"""The models that can be built: students, a teacher of TRILL's shape, log-mel front-ends."""

from __future__ import annotations

from dataclasses import dataclass

from bench.core.artifact import IN_GRAPH, LOG_MEL, NO_FRONTEND
from models import frontend
from models.student import mobilenetv3, resnet
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
    """A log-mel front-end as a model of its own: audio in, patch out."""

    graph: InGraphFrontend

    @property
    def name(self) -> str:
        """``frontend-conv`` or ``frontend-stft``."""
        return f"frontend-{self.graph.value}"


Buildable = StudentSpec | TrillShaped | LogMelFrontend
FRONTENDS = tuple(
    LogMelFrontend(graph) for graph in InGraphFrontend if graph is not InGraphFrontend.NONE
)
_NO_STUDENTS: tuple[Buildable, ...] = (TrillShaped(), *FRONTENDS)
_PATCH = (1, frontend.PATCH_FRAMES, frontend.MEL_BINS, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What is known of a model before it is built.

    Args:
        parameters: as Keras counts them.
        macs: multiply-accumulates of one inference.
        frontend: as in a manifest (bench/core/artifact.py).
    """

    parameters: int
    macs: int
    input_shapes: tuple[tuple[int, ...], ...]
    output_shapes: tuple[tuple[int, ...], ...]
    frontend: str


def parse(name: str) -> Buildable:
    """Returns the model that a name stands for.

    Raises:
        ConfigurationError: no model of that name can be built.
    """
    return next((each for each in _NO_STUDENTS if each.name == name), None) or parse_name(name)


def takes_audio(model: Buildable) -> bool:
    """Returns whether a model takes audio; others take a log-mel patch."""
    match model:
        case StudentSpec():
            return model.frontend is not InGraphFrontend.NONE
        case LogMelFrontend():
            return True
        case TrillShaped():
            return False


def architecture(model: Buildable) -> Architecture:
    """Returns a model's size, work and shapes."""
    match model:
        case StudentSpec():
            parameters, macs = mobilenetv3.count(model)
            outputs: tuple[tuple[int, ...], ...] = ((1, model.embedding_size),)
            source = IN_GRAPH if takes_audio(model) else LOG_MEL
        case LogMelFrontend():
            parameters, macs = 0, mobilenetv3.count_frontend(model.graph)
            outputs, source = (_PATCH,), NO_FRONTEND
        case TrillShaped():
            parameters, macs = resnet.count()
            outputs, source = ((1, resnet.LAYER19_SIZE), (1, resnet.EMBEDDING_SIZE)), LOG_MEL
    return Architecture(
        parameters=parameters,
        macs=macs,
        input_shapes=((1, frontend.WINDOW_SAMPLES),) if takes_audio(model) else (_PATCH,),
        output_shapes=outputs,
        frontend=source,
    )
