"""Files of models in a zoo, as a table: formats, sizes, and what conversion cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.cli.terminal import print_rows
from bench.core import units
from bench.core.artifact import Artifact

_HEADINGS = (
    "model", "format", "size", "cosine mean", "5 %", "min", "SNR dB", "partitions", "caveats",
)  # fmt: skip


def print_artifacts(
    artifacts: Sequence[Artifact], gaps: Iterable[tuple[str, str, str]] = ()
) -> None:
    """Prints artifacts, and the formats that were not made.

    Args:
        gaps: model, format and reason of each.
    """
    rows = [_row(each) for each in artifacts]
    rows += [[name, format, *[units.GAP] * 6, f"not made: {why}"] for name, format, why in gaps]
    print_rows(_HEADINGS, rows)


def _row(artifact: Artifact) -> list[str]:
    fidelity = artifact.fidelity
    numbers = ["-"] * 4
    if fidelity is not None:
        numbers = [
            f"{fidelity.cosine_mean:.5f}",
            f"{fidelity.cosine_p5:.4f}",
            f"{fidelity.cosine_min:.4f}",
            "inf" if fidelity.snr_db is None else f"{fidelity.snr_db:.1f}",
        ]
    partitions = "-" if artifact.partitions is None else str(artifact.partitions.partitions)
    caveats = "; ".join(each.evidence or each.kind.value for each in artifact.caveats)
    size = units.size(artifact.size_bytes)
    return [artifact.name, artifact.format.value, size, *numbers, partitions, caveats]
