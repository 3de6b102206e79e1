"""The page of a fixed database, held against a golden one: FRILL_GOLDEN=write refreshes it."""

import os
import re
from dataclasses import replace
from pathlib import Path

from support.stored_sessions import ARTIFACT, CASE, DEVICE, add_session, scored

from bench.core.artifact import Fidelity, Format, Partitions
from bench.core.caveats import Caveat, CaveatKind
from bench.core.version import VERSION
from bench.flow.report.write import report
from bench.store.store import Store

GOLDEN = Path(__file__).parents[2] / "reports" / "golden"
INT8 = replace(
    ARTIFACT,
    format=Format.INT8,
    sha256="b" * 64,
    size_bytes=970_000,
    partitions=Partitions(
        nodes_total=90, nodes_delegated=90, partitions=1, left={"HARD_SWISH": 14}
    ),
    fidelity=Fidelity(
        patches=64,
        patches_sha256="p",
        cosine_mean=0.71,
        cosine_p5=0.6,
        cosine_min=0.5,
        centred_cosine_mean=0.7,
        centred_cosine_p5=0.6,
        centred_cosine_min=0.5,
        snr_db=3.1,
    ),
    caveats=(Caveat(kind=CaveatKind.BELOW_BOUND, evidence="cosine 0.71 mean, the bound is 0.99"),),
)


def fill(store: Store) -> None:
    """Stores a float32 file by two tools and on two sets of cores, and its int8 file."""
    for artifact, mean in ((ARTIFACT, 0.70), (INT8, 0.45)):
        store.add_artifact(artifact)
        store.add_score(scored(artifact.sha256, mean))
    int8 = replace(CASE, artifact_sha256=INT8.sha256)
    add_session(store, "1a2b3c4d-one", {CASE: 900.0, int8: 1400.0})
    others = {replace(CASE, affinity="f0"): 950.0, replace(CASE, tool_sha256="d" * 64): 870.0}
    add_session(store, "5e6f7a8b-two", others, device=replace(DEVICE, os_build="AP3A"), day=2)


def agrees_with_golden(name: str, text: str) -> bool:
    path = GOLDEN / name
    if os.environ.get("FRILL_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8", newline="")
    return path.read_text(encoding="utf-8") == text


def test_the_page_of_a_fixed_database_is_the_golden_one(tmp_path: Path) -> None:
    with Store.open(tmp_path / "golden.db") as store:
        fill(store)
        page, _ = report(store, out=tmp_path / "page", title="Golden", command="frill-bench report")
    html = page.read_text(encoding="utf-8").replace(str(tmp_path), "FOLDER")
    html = html.replace(f"<dd>{VERSION}</dd>", "<dd>VERSION</dd>")
    # Pictures, style and script have tests of their own.
    html = re.sub(r"<svg .*?</svg>", "PICTURE", html, flags=re.DOTALL)
    html = re.sub(r"<(style|script)>.*?</\1>", r"<\1></\1>", html, flags=re.DOTALL)
    assert agrees_with_golden("page.html", html)
    assert agrees_with_golden("page.csv", (page.parent / "results.csv").read_text("utf-8"))
