"""Teachers: trained embeddings that students are trained to match; packages, hubs and files."""

from __future__ import annotations

from pathlib import Path

from bench.core.errors import ConfigurationError
from models.teachers import graph, hub, packaged, saved_model
from models.teachers.teacher import Teacher, concatenated

__all__ = ["NAMES", "Teacher", "load"]

NAMES = (packaged.SPEECH_EMBEDDING, packaged.CENTRED, packaged.GE2E, *hub.PUBLISHED)
_FILES = (".onnx", ".tflite")


def load(
    handle: str, *, model_dir: Path | None = None, output: str | None = None, cache: Path
) -> Teacher:
    """Returns a teacher, after fetching what is not in the cache yet.

    Args:
        handle: ``speech-embedding``, ``speech-embedding-centred`` or ``ge2e`` (out of Python
            wheels), a hub's model, the path of a SavedModel's folder or of a .tflite or .onnx file;
            several are joined by ``+``.
        model_dir: a folder that holds the hub's model, which is then not downloaded.
        output: which output of a hub's model or a file is taken, by name or, in a tuple, by
            index; the packaged ones have one.

    Raises:
        ConfigurationError: there is no such teacher, or it gives no embedding.
        InfrastructureError: it cannot be downloaded.
    """
    names = handle.split("+")
    if len(names) > 1:
        return concatenated(
            [load(name, model_dir=model_dir, output=output, cache=cache) for name in names]
        )
    match handle:
        case packaged.SPEECH_EMBEDDING:
            return packaged.speech_embedding(cache)
        case packaged.CENTRED:
            return packaged.centred_speech_embedding(cache)
        case packaged.GE2E:
            return packaged.speaker_encoder(cache)
        case _ if handle in hub.PUBLISHED:
            return hub.load(handle, model_dir=model_dir, output=output, cache=cache)
    path = Path(handle).expanduser()
    if path.suffix in _FILES and path.is_file():
        return graph.from_file(path, output=output)
    if (path / saved_model.MARK).is_file():
        return saved_model.from_folder(path, output=output)
    raise ConfigurationError(
        f"{handle}: is not a teacher, nor a model's file or folder",
        hint=f"name one of {', '.join(NAMES)}, or give a SavedModel, a .tflite or an .onnx file",
    )
