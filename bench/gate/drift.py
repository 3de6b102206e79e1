"""How far a model has drifted from its anchor: the gate itself, with a baseline that stays."""

from __future__ import annotations

from bench.core.errors import ConfigurationError
from bench.gate.log import Log
from bench.gate.series import Night
from bench.gate.verdict import Judged, judge


def drift(last: Night, gate: Log) -> Judged:
    """Returns what the gate's rule says of the last night's own blocks, candidate to anchor.

    A step that is smaller than the margin passes its own gate, and so do ten of them one after the
    other; their sum is over the margin all the same, and here it is the sum that is judged, at that
    same margin. Nothing is added up: the anchor was measured beside the candidate that night.

    Args:
        last: the last night of a series.
        gate: of that night, all of its models.

    Raises:
        ConfigurationError: the blocks are of another session or of other files.
    """
    told = last.model, last.anchor_sha256, last.candidate_sha256
    for pair, judged in zip(gate.opened.models, judge(gate).models, strict=True):
        is_it = (pair.key, pair.baseline_sha256, pair.candidate_sha256) == told
        if is_it and gate.opened.session_id == last.session_id:
            return judged
    raise ConfigurationError(
        f"gate {gate.opened.gate_id} did not compare the model of {last.started_at} with its "
        "anchor in that session",
        hint="give the log of the series' last night: a stored ratio is no evidence",
    )
