"""Models of one's own: their files in all formats that are possible, in a zoo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.core.artifact import Artifact, Format, Role
from bench.core.errors import BenchError, ConfigurationError
from bench.flow.build.convert import real_inputs
from models.convert.job import InputFiles
from models.convert.pool import in_processes, processes
from models.own.convert import convert_own
from models.own.inputs import Wanted
from models.own.job import Made, OwnJob
from models.own.source import Source, source_of
from models.zoo import Zoo


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnModel:
    """A model of one's own, and what its owner states of it.

    Args:
        path: a .tflite, .keras or .onnx file, or the folder of a SavedModel.
        name: its name in the zoo; that of the file by default.
        frontend: what makes its input from audio: an artifact of the zoo, or a .tflite file.
        role: what it takes and gives, where its shapes and metadata do not show that.
        window_samples: of audio, where its shape leaves that open.
        hop_samples: between two inferences; a whole window by default.
        calibration: a folder of real inputs, for a model that hears no audio.
    """

    path: Path
    name: str | None = None
    frontend: str | None = None
    role: Role | None = None
    window_samples: int | None = None
    hop_samples: int | None = None
    calibration: Path | None = None


def convert_models(
    models: Sequence[OwnModel],
    *,
    formats: Sequence[Format],
    zoo: Zoo,
    audio: Path | None = None,
    on_finished: Callable[[str], None] | None = None,
) -> tuple[list[Made], dict[str, BenchError]]:
    """Returns what was made of each model, in order, and the error of each that failed.

    Each is converted in a process of its own, which a bad file may end.

    Args:
        formats: of each, besides float32.
        audio: a folder of audio; by default the packaged audio, if it was fetched.
        on_finished: called with the name of each finished model.

    Raises:
        ConfigurationError: two have one name, or the folder has too little audio.
    """
    sources = [source_of(model.path, model.name) for model in models]
    names = [each.name for each in sources]
    if twice := sorted({each for each in names if names.count(each) > 1}):
        raise ConfigurationError(
            f"two of the models have the name {twice[0]!r}",
            hint="convert them one by one, with another --name each",
        )
    hears_audio = any(model.calibration is None for model in models)
    inputs = real_inputs(audio) if hears_audio else None
    made: list[Made] = []
    failed: dict[str, BenchError] = {}
    for source, model in zip(sources, models, strict=True):
        try:
            job = _job(source, model, formats, zoo, None if inputs is None else inputs.audio)
            with processes() as executor:
                done, errors = in_processes(
                    {source.name: partial(convert_own, job)}, executor=executor
                )
            made += done.values()
            failed |= errors
        except BenchError as error:
            failed[source.name] = error
        if on_finished is not None:
            on_finished(source.name)
    return made, failed


def _job(
    source: Source,
    model: OwnModel,
    formats: Sequence[Format],
    zoo: Zoo,
    audio: InputFiles | None,
) -> OwnJob:
    front = None if model.frontend is None else _frontend(model.frontend, source, model, zoo)
    return OwnJob(
        source=source,
        formats=tuple(formats),
        zoo=zoo.root,
        wanted=Wanted(
            role=model.role,
            window_samples=model.window_samples,
            front=None if front is None else zoo.checked_path(front),
            given=model.calibration,
        ),
        audio=audio,
        frontend_name=None if front is None else front.name,
        hop_samples=model.hop_samples,
    )


def _frontend(text: str, source: Source, model: OwnModel, zoo: Zoo) -> Artifact:
    """Returns a front-end in the zoo; its file is added to it where one is given."""
    path = Path(text)
    if path.suffix.lower() != ".tflite":
        return zoo.of(text)[0]
    return zoo.add(
        path,
        name=f"{source.name}-frontend",
        role=Role.FRONTEND,
        window_samples=model.window_samples,
    )
