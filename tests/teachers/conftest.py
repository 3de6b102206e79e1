"""The packaged teachers, downloaded once into the user's cache."""

from collections.abc import Callable

import pytest
from support.required import required

from bench.core.errors import InfrastructureError
from bench.core.paths import cache_dir
from models.teachers import Teacher, load


@pytest.fixture(scope="session")
def packaged() -> Callable[[str], Teacher]:
    """Returns what loads a packaged teacher, or skips the test where it cannot be had."""

    def loaded(name: str) -> Teacher:
        try:
            return load(name, cache=cache_dir())
        except InfrastructureError as error:
            if required("audio"):
                raise
            pytest.skip(f"no packaged teacher: {error.message}")

    return loaded
