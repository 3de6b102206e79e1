"""Seeded mutations of .tflite files, and what comes of adding them to a zoo."""

import random
import shutil
from collections import Counter
from pathlib import Path

from bench.core.errors import BenchError
from models.zoo import Zoo

DATA = Path(__file__).parents[1] / "data"
FILES = (
    DATA / "tiny.tflite",
    DATA / "model_files" / "two_signatures.tflite",
    DATA / "model_files" / "embedding_lookup.tflite",
    DATA / "model_files" / "dilated_conv.tflite",
    DATA / "model_files" / "keyword_scrambled.tflite",
)
_EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
_MOST_CHANGES = 3
# The end of the message of each refusal that is not of the file's own contents.
_KINDS = {
    "crashes": "LiteRT crashes on it",
    "processor time": "LiteRT does not come to an end",
    "LiteRT refuses it": "refused by LiteRT's verifier",
    "is damaged:": "refused: its parts do not fit",
    "truncated or damaged": "refused: its parts cannot be read",
    "TFL3": "refused: no mark of a model",
}


def mutated(content: bytes, seed: int) -> bytes:
    """Returns a file with one to three changes: bytes, numbers, and pieces cut out or put in."""
    chosen = random.Random(seed)  # noqa: S311 - the same changes each time, no secret
    changed = bytearray(content)
    for _ in range(chosen.randint(1, _MOST_CHANGES)):
        place = chosen.randrange(max(1, len(changed) - 4))
        kind = chosen.randrange(32)
        if kind < 12:
            changed[place] = chosen.randrange(256)
        elif kind < 21:
            place = place // 4 * 4
            changed[place : place + 4] = chosen.choice(_EXTREMES).to_bytes(4, "little")
        elif kind < 29:
            place = place // 4 * 4
            changed[place : place + 4] = chosen.randrange(-8, 64).to_bytes(4, "little", signed=True)
        elif kind < 31:
            other = chosen.randrange(len(changed))
            changed[place : place + 32] = changed[other : other + 32].ljust(32, b"\0")
        elif chosen.random() < 0.5:
            del changed[place : place + chosen.choice((1, 4, 64))]
        else:
            changed[place:place] = chosen.randbytes(chosen.choice((1, 4, 64)))
    return bytes(changed)


def outcomes(folder: Path, seeds: range) -> Counter[tuple[str, str]]:
    """Returns how often each file's mutations came to what, by name and outcome.

    A mutation is of file ``seed % 5``. An exception that is no refusal of the product goes through.
    """
    originals = [path.read_bytes() for path in FILES]
    counts: Counter[tuple[str, str]] = Counter()
    for seed in seeds:
        source = folder / "mutated.tflite"
        source.write_bytes(mutated(originals[seed % len(FILES)], seed))
        counts[FILES[seed % len(FILES)].stem, outcome(source, folder / "zoo")] += 1
        shutil.rmtree(folder / "zoo", ignore_errors=True)
    return counts


def outcome(source: Path, zoo: Path) -> str:
    """Returns what comes of adding one file to an empty zoo."""
    try:
        Zoo(zoo).add(source)
    except BenchError as error:
        assert error.exit_code == 2
        assert source.name in error.message
        return next((text for word, text in _KINDS.items() if word in error.message), "refused")
    return "added"
