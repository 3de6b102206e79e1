"""The model file that is measured, and its manifest."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from bench.core.caveats import Caveat
from bench.core.errors import ConfigurationError
from bench.core.units import one_line

_LONGEST_NAME_BYTES = 180  # a file system takes 255, and endings are added
SAMPLE_RATE_HZ = 16_000  # of all audio here: mono, float32 in [-1, 1]

# Values of ``Artifact.frontend`` that are not the name of another artifact.
LOG_MEL = "log-mel"  # our log-mel front-end comes before the file
IN_GRAPH = "in graph"  # the file takes audio
NO_FRONTEND = "none"


class Format(StrEnum):
    """Number format of a TFLite file."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    DYNAMIC = "dynamic"
    INT8 = "int8"


class Role(StrEnum):
    """The input and output of a file."""

    EMBEDDING_PATCH = "embedding-patch"  # log-mel patch in, vector out
    EMBEDDING_WAVEFORM = "embedding-waveform"  # waveform in, vector out
    EMBEDDING_STREAM = "embedding-stream"  # a hop of waveform and state in, vector and state out
    FRONTEND = "frontend"  # waveform in, log-mel patch out
    OTHER = "other"


class WeightsOrigin(StrEnum):
    """Where a file's weights come from."""

    UNTRAINED = "untrained"
    DISTILLED = "distilled"
    GIVEN = "given"  # an added file


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An input or output of a model.

    Args:
        name: the name in the file.
        shape: sizes, -1 for a free axis.
        dtype: NumPy's name, such as ``float32`` or ``int8``.
        scale: of an affine quantised tensor, else ``None``.
        zero_point: of an affine quantised tensor, else ``None``.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """How near a converted file's embeddings are to its float32 source's, on held-out patches.

    Cosines are in [-1, 1]. For ``centred_*`` the source's mean embedding is subtracted from both
    first, because the embeddings of an untrained network are nearly parallel.

    Args:
        patches: how many held-out real patches were compared.
        patches_sha256: identity of those patches.
        snr_db: signal-to-noise ratio of all embeddings together, in dB; ``None`` when equal.
    """

    patches: int
    patches_sha256: str
    cosine_mean: float
    cosine_p5: float
    cosine_min: float
    centred_cosine_mean: float
    centred_cosine_p5: float
    centred_cosine_min: float
    snr_db: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Partitions:
    """How XNNPACK splits a graph on this machine.

    Args:
        nodes_total: operators of the graph.
        nodes_delegated: those that XNNPACK took.
        partitions: number of pieces; 1 with all nodes means that XNNPACK runs the whole graph.
        left: name to count of the operators that XNNPACK did not take.
    """

    nodes_total: int
    nodes_delegated: int
    partitions: int
    left: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A TFLite file and its manifest. Its identity is ``sha256``.

    Args:
        name: the student's canonical name, or the name it was added under.
        file: file name, beside the manifest.
        macs: multiply-accumulates of one inference; ``None`` where unknown.
        frontend: ``LOG_MEL``, ``IN_GRAPH``, ``NO_FRONTEND`` or the name of the artifact that makes
            this one's input from audio.
        window_samples: audio samples that one inference covers, at 16 kHz; ``None`` for what takes
            no audio.
        hop_samples: audio samples between two inferences, in scores and in costs, at 16 kHz;
            ``None`` for what takes no audio.
        calls_to_fill: the first inference whose embedding covers a whole window; above 1 for a
            stream, whose state begins as zeros.
        float_ops: name to count of the operators that compute in float.
        tools: name to version of the tools that made the file.
        calibration_sha256: identity of the calibration patches of a full int8 file.
        recipe_sha256: identity of everything that decided the bytes of a file made here.
        signatures: keys of its entry points, in the file's order.
    """

    name: str
    format: Format
    role: Role
    file: str
    sha256: str
    size_bytes: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    parameters: int
    macs: int | None
    frontend: str
    window_samples: int | None
    hop_samples: int | None
    partitions: Partitions | None
    float_ops: dict[str, int]
    tools: dict[str, str]
    weights: WeightsOrigin
    calibration_sha256: str | None = None
    fidelity: Fidelity | None = None
    caveats: tuple[Caveat, ...] = field(default=())
    provenance: str = ""
    recipe_sha256: str = ""
    calls_to_fill: int = 1
    signatures: tuple[str, ...] = ()
    schema_version: int = 1

    def __post_init__(self) -> None:
        check_name(self.name, "name")
        check_name(self.file, "file")

    @property
    def hop_s(self) -> float | None:
        """Seconds of audio between two inferences; ``None`` for what takes no audio."""
        return None if self.hop_samples is None else self.hop_samples / SAMPLE_RATE_HZ

    def audio(self) -> tuple[int, int]:
        """Returns window and hop in samples.

        Raises:
            ConfigurationError: it takes no audio.
        """
        if self.window_samples is None or self.hop_samples is None:
            raise ConfigurationError(
                f"{self.file}: its role is {self.role}, so it embeds no audio",
                hint="say what it takes: frill-bench zoo add FILE --role embedding-waveform",
            )
        return self.window_samples, self.hop_samples


def manifests(folder: Path) -> list[Path]:
    """Returns the manifests of a zoo, ``NAME.FORMAT.json``, sorted; other files are left out."""
    endings = tuple(f".{format.value}.json" for format in Format)
    return sorted(path for path in folder.glob("*.json") if path.name.endswith(endings))


def check_visible(name: str, where: str) -> None:
    """Checks that the name of a file can be shown in one line.

    Raises:
        ConfigurationError: it has controls or other invisible characters.
    """
    if not name.isprintable():
        raise ConfigurationError(
            f"{where}: {one_line(repr(name))} has invisible characters",
            hint="give the file another name: one visible line",
        )


def check_name(name: str, where: str) -> None:
    """Checks that a name from outside can be the name of a file, and can be shown.

    Raises:
        ConfigurationError: it leaves its folder, is hidden, too long, or not one visible line.
    """
    problem = None
    if not name or name.startswith(".") or "/" in name or "\\" in name:
        problem = "has a slash, begins with a dot or is empty"
    elif not name.isprintable() or name != name.strip():
        problem = "has invisible characters"
    elif len(name.encode()) > _LONGEST_NAME_BYTES:
        problem = f"is longer than {_LONGEST_NAME_BYTES} bytes"
    if problem:
        raise ConfigurationError(
            f"{where}: {one_line(repr(name))} cannot be the name of a file: it {problem}",
            hint="give it another name: one visible line without slashes",
        )
