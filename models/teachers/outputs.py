"""Which of a model's outputs is the embedding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from bench.core.errors import ConfigurationError

USUAL = "embedding"

Value = TypeVar("Value")


def choose(outputs: Mapping[str, Value], output: str | None) -> Value:
    """Returns the output that is named, else ``embedding``, else the only one.

    Raises:
        ConfigurationError: there is no such output, or several and none is named.
    """
    wanted = output or (USUAL if USUAL in outputs else None)
    if wanted is None and len(outputs) == 1:
        (wanted,) = outputs
    if wanted is None or wanted not in outputs:
        problem = f"none is named {wanted}" if wanted else "none is the usual one"
        raise ConfigurationError(
            f"of the outputs {', '.join(sorted(outputs))} {problem}",
            hint="name one of them as the output",
        )
    return outputs[wanted]
