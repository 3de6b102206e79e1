"""What each hyper-parameter does, over sixteen crossed students; an hour of two quiet cores.

The students are kept in the cache, so that a run that was interrupted continues.
"""

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from support.program import frill_bench
from support.tables import FOLDER, table, write_texts

from bench.core import units
from bench.core.paths import cache_dir
from models.distill import card as cards
from models.distill import recipe
from reports.effects.fit import words

pytestmark = [
    pytest.mark.evidence,
    pytest.mark.zoo,
    pytest.mark.audio,
    pytest.mark.timeout(14_400),
]

CROSSED = "crossed"
AXES = {"size", "width", "head", "bottleneck", "embedding_size", "activation"}
RESPONSES = ("accuracy", "latency", "size")
Rows: TypeAlias = dict[tuple[str, str], dict[str, Any]]


def test_every_axis_of_the_crossed_students_has_an_effect_with_its_interval(
    tmp_path: Path,
) -> None:
    taught, zoo, database = cache_dir() / CROSSED, tmp_path / "zoo", tmp_path / "results.db"
    students = recipe.load(CROSSED).students
    frill_bench("data", "fetch", "--distillation", status=0)
    frill_bench("distill", "--recipe", CROSSED, "--out", taught, "--workers", "2", status=0)
    formats = ("--formats", "float32,int8")
    frill_bench("convert", *students, "--weights", taught, *formats, "--zoo", zoo, status=0)
    places = ("--zoo", zoo, "--db", database)
    frill_bench("run", "--host", *places, status=0)
    frill_bench("score", *places, status=0)
    page = ("report", "--db", database, "--out", tmp_path / "report", "--json")
    document = json.loads(frill_bench(*page, status=0).stdout)
    effects: dict[tuple[str, str, str], dict[str, dict[str, Any]]] = {}
    for each in document["effects"]:
        choice = each["axis"], each["level"], each["base"]
        effects.setdefault(choice, {})[each["response"]] = each
    assert {axis for axis, _, _ in effects} >= {*AXES, "format"}, effects.keys()
    for of in effects.values():
        assert all(of[response]["effect"] is not None for response in RESPONSES), of
        assert of["accuracy"]["students"] == len(students)
    rows: Rows = {(row["student"], row["format"]): row for row in document["rows"]}
    write_texts(
        CROSSED,
        "What each hyper-parameter does: sixteen students, a quarter of the 64 of six axes with "
        "two values each, taught two epochs by one recipe (`distill --recipe crossed`, `make "
        "evidence`; the cards are in docs/evidence/crossed). Accuracy: mean of the six tasks of "
        "`default`. Latency: the file alone, on this machine's processor by LiteRT and XNNPACK, "
        "one thread. By linear regression with 95 % intervals: structure between students, formats "
        "within them. The chance of a training is in the intervals, as each student was taught "
        "once. The starter students were taught for more epochs: after those a choice may be worth "
        "more or less.",
        table(
            ["choice", "against", "accuracy, points", "latency, %", "size, %"],
            [
                [f"{words(axis)} {level}", base or "-", *(_cell(of[each]) for each in RESPONSES)]
                for (axis, level, base), of in effects.items()
            ],
        ),
        "The students:",
        table(
            ["student", "accuracy, float32", "int8", "ms, float32", "int8", "size", "int8"],
            [_line(each, rows) for each in sorted(students, key=partial(_behind, rows))],
        ),
    )
    kept = FOLDER / CROSSED
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    for name in students:
        assert cards.load(taught, name) is not None
        shutil.copy(taught / f"{name}.md", kept)


def _cell(effect: dict[str, Any]) -> str:
    return "{effect:+.1f} ({low:+.1f} to {high:+.1f})".format(**effect)


def _behind(rows: Rows, name: str) -> float:
    score: float = -rows[name, "float32"]["score_mean"]
    return score


def _line(name: str, rows: Rows) -> list[str]:
    float32, int8 = (rows[name, format] for format in ("float32", "int8"))
    return [
        f"`{name}`",
        "{score_mean:.3f} ({score_low:.3f} to {score_high:.3f})".format(**float32),
        f"{int8['score_mean']:.3f}",
        *(f"{each['latency_us_median'] / 1000:.2f}" for each in (float32, int8)),
        *(units.size(each["size_bytes"]) for each in (float32, int8)),
    ]
