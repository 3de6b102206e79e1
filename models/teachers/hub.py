"""The published teachers on Kaggle and TF-Hub, and the one door to kagglehub."""

from __future__ import annotations

import tarfile
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from bench.core.errors import ConfigurationError, InfrastructureError
from models.teachers.saved_model import MARK, from_folder
from models.teachers.teacher import USUAL, Teacher
from models.wheel import replacing_folder

TF_HUB = "https://tfhub.dev"
_LIMIT_S = 60.0
_MOST_BYTES = 8 << 30
_NOSS = "google/nonsemantic-speech-benchmark"
_LICENCE = "Apache-2.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A model of a hub.

    Args:
        kaggle: its handle there.
        tf_hub: paths below ``https://tfhub.dev``, each tried.
        sizes: width of each output that can be a target.
        output: the one that is taken where none is named.
    """

    kaggle: str
    tf_hub: tuple[str, ...]
    sizes: dict[str, int]
    output: str = field(default=USUAL)


# The cards of TRILLsson name two places.
PUBLISHED = {
    "trill": Published(
        kaggle=f"{_NOSS}/tensorFlow2/trill",
        tf_hub=(f"{_NOSS}/trill/3",),
        sizes={USUAL: 512, "layer19": 12_288},
    ),
    "trill-distilled": Published(
        kaggle=f"{_NOSS}/tensorFlow2/trill-distilled",
        tf_hub=(f"{_NOSS}/trill-distilled/3",),
        sizes={USUAL: 2_048},
    ),
    **{
        name: Published(
            kaggle=f"{_NOSS}/tensorFlow2/{name}",
            tf_hub=(f"{_NOSS}/{name}/1",),
            sizes={USUAL: 2_048},
        )
        for name in ("frill", "frill-nofrontend")
    },
    **{
        f"trillsson{n}": Published(
            kaggle=f"google/trillsson/tensorFlow2/{n}",
            tf_hub=(f"google/trillsson{n}/1", f"{_NOSS}/trillsson{n}/1"),
            sizes={USUAL: 1_024},
        )
        for n in range(1, 6)
    },
    # Its outputs are a tuple: scores, embeddings, log-mel.
    "yamnet": Published(
        kaggle="google/yamnet/tensorFlow2/yamnet",
        tf_hub=("google/yamnet/1",),
        sizes={"1": 1_024},
        output="1",
    ),
}


def load(name: str, *, model_dir: Path | None, output: str | None, cache: Path) -> Teacher:
    """Returns a published teacher, after downloading it once.

    Args:
        name: of ``PUBLISHED``.
        model_dir: its SavedModel's folder, or one that holds it under its name.
        output: the name of the output that is taken.

    Raises:
        ConfigurationError: there is no such output, or it has another width.
        InfrastructureError: neither Kaggle nor TF-Hub gives it.
    """
    model = PUBLISHED[name]
    wanted = output or model.output
    if wanted not in model.sizes:
        raise ConfigurationError(
            f"{name}: has no output {wanted}", hint=f"it has {', '.join(model.sizes)}"
        )
    folder = _local_folder(model_dir, name) if model_dir else fetch(name, cache)
    # A model with one output may give it bare, so only another one than the usual is named.
    return from_folder(
        folder,
        output=None if wanted == USUAL else wanted,
        size=model.sizes[wanted],
        name=name if wanted == model.output else f"{name}:{wanted}",
        licence=_LICENCE,
    )


def fetch(name: str, cache: Path, *, tf_hub: str = TF_HUB) -> Path:
    """Returns the folder of a published teacher's SavedModel, after downloading it once.

    What Kaggle gives is in kagglehub's own cache.

    Raises:
        InfrastructureError: neither Kaggle nor TF-Hub gives it.
    """
    model = PUBLISHED[name]
    folder = cache / "models" / f"tf-hub-{name}"
    if folder.is_dir():
        return folder
    problems = []
    try:
        import kagglehub

        return Path(kagglehub.model_download(model.kaggle))
    except ImportError:
        problems.append("kagglehub is not installed")
    except Exception as error:  # its own errors and those of requests share no base but Exception
        problems.append(f"kagglehub: {_reason(error)}")
    for path in model.tf_hub:
        try:
            return _unpack(f"{tf_hub}/{path}?tf-hub-format=compressed", folder)
        except (OSError, HTTPException, tarfile.TarError) as error:
            problems.append(f"{tf_hub}/{path}: {_reason(error)}")
    raise InfrastructureError(
        f"{name}: cannot be downloaded: {'; '.join(problems)}",
        hint="download its SavedModel on a machine that can, and give the folder with --model-dir",
    )


def _local_folder(model_dir: Path, name: str) -> Path:
    for folder in (model_dir / name, model_dir):
        if (folder / MARK).is_file():
            return folder
    raise ConfigurationError(
        f"{model_dir}: holds no {MARK} of {name}",
        hint="give the folder of the unpacked SavedModel with --model-dir",
    )


def _unpack(url: str, folder: Path) -> Path:
    with (
        replacing_folder(folder) as files,
        urllib.request.urlopen(url, timeout=_LIMIT_S) as response,  # noqa: S310 - TF_HUB is https
        tarfile.open(fileobj=response, mode="r|*") as archive,
    ):
        left_bytes = _MOST_BYTES
        for member in archive:
            left_bytes -= member.size
            if left_bytes < 0:
                raise OSError(f"it would unpack to more than {_MOST_BYTES >> 30} GiB")
            archive.extract(member, files, filter="data")
    return folder


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        error.close()
    return " ".join(str(error).split())[:200] or type(error).__name__
