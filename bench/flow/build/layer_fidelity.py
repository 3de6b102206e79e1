"""What each layer of a model's formats loses on held-out audio; and why its int8 is slower."""

from __future__ import annotations

from pathlib import Path

from bench.core.artifact import Artifact, Format, Role
from bench.core.errors import ConfigurationError
from bench.flow.report.join import join
from bench.store.store import Store
from models import frontend, stream
from models.audio import calibration, packages
from models.convert.layer_fidelity import LayerFidelity, compare_layers
from models.zoo import Zoo, name_and_format
from reports.rows.hops import at_shortest_hop
from reports.rows.int8 import compared, explain

_PATCH = (frontend.PATCH_FRAMES, frontend.MEL_BINS, 1)
_AUDIO = (frontend.WINDOW_SAMPLES,)


def converted_files(zoo: Zoo, text: str) -> list[Artifact]:
    """Returns the converted files that ``NAME`` or ``NAME.FORMAT`` means, in the zoo's order.

    Raises:
        ConfigurationError: there is no such model or format, or only float32.
    """
    name, format = name_and_format(text)
    if format is Format.FLOAT32:
        raise ConfigurationError(
            f"{text}: the other formats are compared with float32",
            hint=f"give {name} alone, or one of its other formats",
        )
    files = [
        each
        for each in zoo.of(name)
        if each.format is not Format.FLOAT32 and format in (None, each.format)
    ]
    if not files:
        raise ConfigurationError(
            f"{zoo.root}: holds no {format or 'converted'} file of {name}",
            hint=f"frill-bench convert {name}",
        )
    return files


def compare_formats(
    zoo: Zoo, artifacts: list[Artifact], *, patches: int, audio: Path | None = None
) -> list[tuple[Artifact, LayerFidelity]]:
    """Returns what the layers of each converted file of one model lose, on held-out patches.

    Args:
        artifacts: what ``converted_files`` returns.
        patches: how many; fewer where the audio holds fewer.
        audio: a folder of the user's audio; the packaged audio by default.

    Raises:
        ConfigurationError: the float32 file or the audio is missing, or the model takes neither
            the log-mel patch nor its audio.
    """
    name = artifacts[0].name
    base = next((each for each in zoo.of(name) if each.format is Format.FLOAT32), None)
    if base is None:
        raise ConfigurationError(
            f"{zoo.root}: holds no float32 file of {name} to compare with",
            hint=f"frill-bench convert {name}, or zoo add FILE --name {name}",
        )
    shape = base.inputs[0].shape[1:]
    hop = stream.hop_of(tuple(each.shape for each in base.inputs))
    if base.role is Role.OTHER or (shape not in (_PATCH, _AUDIO) and hop is None):
        raise ConfigurationError(
            f"{name}: takes {list(base.inputs[0].shape)}, for which there are no held-out patches",
            hint="parity is for models on FRILL's log-mel patch or on 15,600 samples of audio",
        )
    root = audio or packages.default_root()
    if audio is None and packages.manifest(root) is None:
        raise ConfigurationError(
            "no audio to run the model on", hint="frill-bench data fetch, or --audio DIR"
        )
    drawn, _ = calibration.patches_for(
        "heldout", count=patches, waveform=shape != _PATCH, audio_root=root
    )
    inputs = drawn if hop is None else stream.filled(drawn, hop)
    source = zoo.checked_path(base)
    return [
        (each, compare_layers(source, zoo.checked_path(each), inputs, format=each.format))
        for each in artifacts
    ]


def why_int8_slower(store: Store, artifact: Artifact) -> list[tuple[str, str]]:
    """Returns each device that timed an int8 file, and a sentence on its speed there."""
    rows, _ = join(store)
    return [
        (row.setup.device, explain(comparison))
        for row, comparison in compared(at_shortest_hop(rows))
        if row.file.artifact_sha256 == artifact.sha256
    ]
