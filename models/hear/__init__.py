"""HEAR's common API for any artifact: ``models.hear`` is the module to give to HEAR's programs.

Contract: https://hearbenchmark.com/hear-api.html. PyTorch comes with the extra ``hear``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.bridges.torch_door import HearModel


def load_model(model_file_path: str | Path = "", *, hop_s: float | None = None) -> HearModel:
    """Returns the model of a .tflite file, a ``torch.nn.Module`` with the sizes that HEAR asks for.

    Args:
        model_file_path: of the file; its manifest is beside it.
        hop_s: seconds between two embeddings; by default the manifest's.

    Raises:
        ConfigurationError: there is no manifest, the file embeds no audio or fixes its hop, or
            PyTorch is not installed.
        ModelFileError: the file is not a usable model.
    """
    from models.bridges.torch_door import HearModel

    return HearModel(Path(model_file_path), hop_s=hop_s)


def get_scene_embeddings(audio: Any, model: HearModel) -> Any:
    """Returns one embedding of each sound, a float32 tensor [sounds, scene_embedding_size].

    Args:
        audio: a tensor [sounds, samples], 16 kHz mono, in [-1, 1].

    Raises:
        ConfigurationError: the audio has another shape, or a sound is empty or not finite.
        ConversionError: an embedding is not finite or all zero.
    """
    from models.bridges import torch_door

    return torch_door.scenes(audio, model)


def get_timestamp_embeddings(audio: Any, model: HearModel) -> tuple[Any, Any]:
    """Returns embeddings centred at 0, one hop, two hops ..., and these times in milliseconds.

    Args, Raises: as of ``get_scene_embeddings``.

    Returns:
        float32 tensors [sounds, times, timestamp_embedding_size] and [sounds, times].
    """
    from models.bridges import torch_door

    return torch_door.timestamps(audio, model)
