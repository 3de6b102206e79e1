"""The one door to kagglehub: downloads a model's folder."""

from __future__ import annotations

from pathlib import Path

from bench.core.errors import InfrastructureError


def download(handle: str) -> Path:
    """Returns the folder of a Kaggle model, such as ``google/yamnet/tensorFlow2/yamnet``.

    It is in kagglehub's own cache.

    Raises:
        InfrastructureError: kagglehub is not installed, or cannot download it.
    """
    try:
        import kagglehub
    except ImportError as error:
        raise InfrastructureError(
            "kagglehub is not installed", hint="pip install -e '.[hub]' -c constraints.txt"
        ) from error
    try:
        return Path(kagglehub.model_download(handle))
    except Exception as error:  # its own errors and those of requests share no base but Exception
        raise InfrastructureError(
            f"kagglehub: {' '.join(str(error).split())[:200]}", hint="check the network"
        ) from error
