"""The zoo of these tests is the one that was converted for all."""

import pytest

from models.zoo import Zoo


@pytest.fixture(scope="session")
def zoo(built: Zoo) -> Zoo:
    return built
