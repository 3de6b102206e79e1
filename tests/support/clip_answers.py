"""Which clips several models have right, where what is hard for one is hard for all."""

import numpy as np

Parts = list[dict[str, str]]


def drawn(seed: int, *, better: float = 0.0) -> list[Parts]:
    """Returns two tasks, one of two folds: easy and hard clips, which all models share."""
    clips, own = np.random.default_rng(0), np.random.default_rng(seed)

    def labels(count: int, each: int) -> dict[str, str]:
        return {
            f"label{number}": "".join(
                str(int(own.random() < easy + better)) for easy in clips.beta(0.2, 0.2, each)
            )
            for number in range(count)
        }

    return [[labels(4, 60), labels(4, 60)], [labels(9, 20)]]
