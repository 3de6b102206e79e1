"""Modules imported at first use: not every process that collects tests needs TensorFlow."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest


class Lazy:
    """Stands for a module, and imports it when an attribute is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # pytest asks for some of each name in a test file
            raise AttributeError(attribute)
        return getattr(import_module(self._name), attribute)


needs_tensorflow = pytest.mark.skipif(find_spec("tensorflow") is None, reason="no TensorFlow")
