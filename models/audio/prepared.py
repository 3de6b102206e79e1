"""The one door to TensorFlow Datasets: data sets that it prepared, read clip by clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.artifact import SAMPLE_RATE_HZ
from bench.core.errors import BenchError, ConfigurationError
from models.tflite.extras import from_extra

_INFO = "dataset_info.json"
_SCALE = 32_767


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedClip:
    """One example.

    Args:
        samples: int16 [samples], mono, at the data set's rate.
        label: its name.
        fields: all others, text where they are bytes.
    """

    split: str
    samples: NDArray[np.int16]
    label: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedData:
    """A data set's examples, as NumPy has them, and the rate of their audio."""

    builder: Any
    rate_hz: int

    def examples(self, split: str) -> Iterator[dict[str, Any]]:
        """Yields the examples of a split, one at a time."""
        tfds = _tfds()
        yield from tfds.as_numpy(self.builder.as_dataset(split=split))

    def clips(self) -> Iterator[PreparedClip]:
        """Yields the clips of all splits, one at a time, in TFDS's order."""
        label = self.builder.info.features["label"]
        for split in sorted(self.builder.info.splits):
            for example in self.examples(split):
                others = {
                    key: value.decode() if isinstance(value, bytes) else str(value)
                    for key, value in example.items()
                    if key not in ("audio", "label")
                }
                yield PreparedClip(
                    split=split,
                    samples=_whole_samples(np.asarray(example["audio"])),
                    label=str(label.int2str(int(example["label"]))),
                    fields=others,
                )


def prepared_folder(data_dir: Path, name: str) -> Path | None:
    """Returns the folder of a data set's newest version in TFDS's data folder, if it is there."""
    found = sorted((data_dir / name).glob(f"*/{_INFO}"), key=lambda path: _version(path.parent))
    return found[-1].parent if found else None


def by_name(name: str) -> PreparedData:
    """Returns a data set that TFDS knows and has prepared.

    Raises:
        ConfigurationError: TFDS is not installed, or there is no such data set with audio.
    """
    tfds = _tfds()
    return _read(f"tfds:{name}", lambda: tfds.builder(name))


def by_folder(folder: Path) -> PreparedData:
    """Returns a prepared data set; its builder's code is not needed, and nothing is downloaded.

    Raises:
        ConfigurationError: TFDS is not installed, or it cannot read the folder.
    """
    tfds = _tfds()
    return _read(str(folder), lambda: tfds.builder_from_directory(str(folder)))


def unreadable(what: str, error: Exception) -> BenchError:
    """Returns the error for one of TFDS's own, of which there are a dozen types."""
    return ConfigurationError(
        f"{what}: {str(error).partition(chr(10))[0][:200]}",
        hint="prepare it with tfds build, then name it as TFDS does",
    )


def _read(what: str, builder_of: Any) -> PreparedData:
    try:
        builder = builder_of()
        features = builder.info.features
    except Exception as error:
        raise unreadable(what, error) from error
    # TFDS has its own class of dict for features; a data set without names has none.
    audio = features["audio"] if "audio" in getattr(features, "keys", tuple)() else None
    if audio is None:
        raise ConfigurationError("the data set has no audio feature", hint="name another")
    rate_hz = int(getattr(audio, "sample_rate", None) or SAMPLE_RATE_HZ)
    return PreparedData(builder=builder, rate_hz=rate_hz)


def _whole_samples(audio: NDArray[Any]) -> NDArray[np.int16]:
    """Returns audio as whole samples of 16 bits, as almost all data sets have it."""
    if not np.issubdtype(audio.dtype, np.integer):
        audio = np.round(np.clip(audio, -1.0, 1.0) * _SCALE)
    clipped: NDArray[np.int16] = np.clip(audio, -_SCALE - 1, _SCALE).astype(np.int16)
    return clipped


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in folder.name.split(".") if part.isdecimal())


def _tfds() -> Any:
    with from_extra("tfds", "tensorflow-datasets"):
        import tensorflow_datasets
    return tensorflow_datasets
