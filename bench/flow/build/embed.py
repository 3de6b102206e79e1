"""Embeds a folder of audio with one artifact and writes the vectors to a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core import atomic
from bench.core.artifact import SAMPLE_RATE_HZ, Artifact
from bench.core.errors import ConfigurationError
from bench.core.hashing import sha256_file
from bench.core.paths import cache_dir
from bench.core.progress import OnProgress
from bench.core.version import VERSION
from models.audio.decode import audio_files
from models.embeddings.embed import DELEGATE, THREADS, embed_windows, pooled
from models.tflite import litert
from models.tflite.arrays import Floats
from models.tflite.extras import from_extra

NPZ, PARQUET = ".npz", ".parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """Embeddings of a folder's clips, a row for each clip or for each of its windows.

    Args:
        paths: of the rows' clips, relative to the folder.
        start_s: where each row's window starts, in seconds; empty where a row is a whole clip.
        values: float32 [rows, dimensions].
        provenance: what made them: file, runtime, delegate, hop and window.
    """

    paths: tuple[str, ...]
    start_s: tuple[float, ...]
    values: Floats
    provenance: dict[str, Any]


def check_format(out: Path) -> None:
    """Checks that vectors can be written to a file of that name.

    Raises:
        ConfigurationError: it is neither .npz nor .parquet, or pyarrow is not installed.
    """
    if out.suffix not in (NPZ, PARQUET):
        raise ConfigurationError(
            f"{out}: its suffix is neither {NPZ} nor {PARQUET}", hint=f"name it vectors{NPZ}"
        )
    if out.suffix == PARQUET:
        with from_extra("parquet"):
            import pyarrow  # noqa: F401 - what pandas writes Parquet with


def embed_folder(
    artifact: Artifact,
    path: Path,
    folder: Path,
    *,
    hop_samples: int,
    by_window: bool,
    frontend_path: Path | None,
    on_progress: OnProgress,
) -> Vectors:
    """Returns the embeddings of all audio below a folder, in the order of the names.

    Args:
        path: of the artifact's file.
        by_window: a row for each window, instead of the mean over a clip's windows.
        frontend_path: a .tflite file that makes the model's input from a window of audio.
        on_progress: called with the clips done and all clips.

    Raises:
        ConfigurationError: the folder has no audio, a clip cannot be decoded, or the file embeds
            no audio.
        ConversionError: an embedding is not finite or all zero; names file and clip.
    """
    names = audio_files(folder) if folder.is_dir() else []
    if not names:
        raise ConfigurationError(f"{folder}: holds no audio files", hint="WAV, FLAC, OGG, MP3 ...")
    clips = {name: folder / name for name in names}
    sha256s = {name: sha256_file(clip) for name, clip in clips.items()}
    first = {sha256: clips[name] for name, sha256 in reversed(sha256s.items())}
    embedded = {
        each.sha256: each
        for each in embed_windows(
            path,
            artifact,
            first,
            hop=hop_samples,
            cache=cache_dir(),
            frontend_path=frontend_path,
            on_progress=on_progress,
        )
    }
    paths, start_s, rows = [], [], []
    for name, sha256 in sha256s.items():
        own = embedded[sha256]
        mean = pooled(own.vectors, clip=clips[name], source=str(path))  # refuses zeros and NaN
        chosen = own.vectors if by_window else mean[np.newaxis]
        paths += [name] * len(chosen)
        start_s += [start / SAMPLE_RATE_HZ for start in own.starts] if by_window else []
        rows.append(chosen)
    return Vectors(
        paths=tuple(paths),
        start_s=tuple(start_s),
        values=np.concatenate(rows).astype(np.float32, copy=False),
        provenance={
            "artifact": f"{artifact.name}.{artifact.format.value}",
            "artifact_sha256": artifact.sha256,
            "runtime": litert.runtime(),
            "delegate": DELEGATE,
            "threads": THREADS,
            "hop_s": hop_samples / SAMPLE_RATE_HZ,
            "window_s": artifact.audio()[0] / SAMPLE_RATE_HZ,
            "row_is": "window" if by_window else "clip",
            "program": f"frill-bench {VERSION}",
        },
    )


def write(vectors: Vectors, out: Path) -> None:
    """Writes vectors as .npz (``paths``, ``start_s``, ``vectors``, ``provenance``) or Parquet.

    In a Parquet file each row has its vector as a list, and the provenance is in the metadata.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic.replacing(out) as partial:
        if out.suffix == NPZ:
            _write_npz(vectors, partial)
        else:
            _write_parquet(vectors, partial)


def _write_npz(vectors: Vectors, path: Path) -> None:
    arrays: dict[str, NDArray[Any]] = {
        "paths": np.array(vectors.paths),
        "vectors": vectors.values,
        "provenance": np.array(json.dumps(vectors.provenance)),
    }
    if vectors.start_s:
        arrays["start_s"] = np.array(vectors.start_s)
    with path.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]  # its stub takes a name for a flag


def _write_parquet(vectors: Vectors, path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    columns: dict[str, Any] = {"path": list(vectors.paths)}
    if vectors.start_s:
        columns["start_s"] = list(vectors.start_s)
    flat = pa.array(vectors.values.reshape(-1))
    columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, vectors.values.shape[1])
    table = pa.table(columns)
    metadata = {"frill-bench": json.dumps(vectors.provenance)}
    parquet.write_table(table.replace_schema_metadata(metadata), path)
