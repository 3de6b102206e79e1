"""The rows as data in the page, for its script: what is filtered, asked and drawn anew."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from markupsafe import Markup

from reports.decision.intervals import Estimate, score_less
from reports.rows.frontier import View
from reports.rows.hops import hop_s
from reports.rows.names import row_names
from reports.rows.schema import Row

_DIGITS = 5  # of a number in the page; results.csv has all
_HASH = 12  # letters of a SHA-256
_Number: TypeAlias = float | None


def data(views: Sequence[View]) -> Markup:
    """Returns the rows of all views as JSON that may stand in a page.

    Numbers are lists, one for each column, with an entry a row; texts are lists of values with
    indices into them. ``latency`` (us per second of audio), ``alone`` (us, the file alone),
    ``score`` (in [0, 1]) and ``lost`` (against the most accurate of the view, in [0, 1]) have
    ``_low`` and ``_high``, the ends of their 95 % intervals.
    """
    marked = [each for view in views for each in view.rows]
    rows = [each.row for each in marked]
    names = row_names(rows, hops=False)
    document = {
        "views": [
            ", ".join(filter(None, (view.device, view.runner, view.task_set, view.rule)))
            for view in views
        ],
        "view": [number for number, view in enumerate(views) for _ in view.rows],
        "name": _coded(names[row] for row in rows),
        "student": _coded(row.file.student for row in rows),
        "format": _coded(row.file.format for row in rows),
        "family": _coded(row.file.family for row in rows),
        "delegate": _coded(row.setup.delegate for row in rows),
        "threads": [row.setup.threads for row in rows],
        "hop": _numbers(hop_s(row) for row in rows),
        **_with_ends("latency", "latency_us_per_audio_s", rows),
        **_with_ends("alone", "latency_us", rows, middle="latency_us_median"),
        **_with_ends("score", "score", rows, middle="score_mean"),
        **_lost(views),
        "floor": _numbers(row.score_floor_mean for row in rows),
        "size": [row.size_bytes for row in rows],
        "memory": _numbers(row.memory_mb_peak for row in rows),
        "load": _numbers(row.init_us_median for row in rows),
        "on": [int(row.on_frontier) for row in rows],
        "likely": _numbers(each.on_frontier_probability for each in marked),
        "sure": _coded(each.membership or "" for each in marked),
        "reason": _coded(each.not_eligible for each in marked),
        "caveats": _coded("; ".join(_caveats(row)) for row in rows),
        "hash": [row.file.artifact_sha256[:_HASH] for row in rows],
        "session": _coded(row.session for row in rows),
        "processes": [row.processes for row in rows],
    }
    text = json.dumps(document, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    # Nothing in it can end the element that it stands in.
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704


def _lost(views: Sequence[View]) -> dict[str, list[_Number]]:
    """Returns how much less accurate each row is than the most accurate that may be chosen."""
    found: list[Estimate | None] = []
    for view in views:
        able = [each.row for each in view.rows if not each.not_eligible]
        best = max(able, key=lambda row: row.score_mean or 0.0, default=None)
        for each in view.rows:
            less = None if best is None else score_less(best, each.row)
            if each.row is best:
                found.append(Estimate(value=0.0, low=0.0, high=0.0))
            else:
                found.append(less.change if less else None)
    return {
        "lost": _numbers(None if each is None else each.value for each in found),
        "lost_low": _numbers(None if each is None else each.low for each in found),
        "lost_high": _numbers(None if each is None else each.high for each in found),
    }


def _caveats(row: Row) -> Iterable[str]:
    return dict.fromkeys(
        f"{each.text} ({each.evidence})" if each.evidence else each.text for each in row.caveats
    )


def _coded(values: Iterable[str]) -> dict[str, Any]:
    index: dict[str, int] = {}
    places = [index.setdefault(str(value), len(index)) for value in values]
    return {"values": list(index), "at": places}


def _with_ends(
    name: str, column: str, rows: Sequence[Row], *, middle: str | None = None
) -> dict[str, list[_Number]]:
    columns = {"": middle or column, "_low": f"{column}_low", "_high": f"{column}_high"}
    return {
        f"{name}{end}": _numbers(getattr(row, field) for row in rows)
        for end, field in columns.items()
    }


def _numbers(values: Iterable[_Number]) -> list[_Number]:
    return [None if value is None else float(f"{value:.{_DIGITS}g}") for value in values]
