"""One folder with everything: the pages of results, files, devices, gates and their history."""

import os
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from lab.nightly_logs import Gated, anchor_of, opened, write_night
from support.browser import found_in
from support.program import command_line, frill_bench
from support.stored_sessions import ARTIFACT, CASE, add_session, scored

from bench.core.caveats import Caveat, CaveatKind
from bench.core.hashing import sha256_bytes
from bench.flow.gate.calibrate import save
from bench.gate.calibration.device_noise import Calibration, ModelClass, RedGates
from bench.gate.history.series import environment_of
from bench.store.store import Store

LINK = re.compile(r'href="([^":]*)"')
NIGHTS = 3
PHONE = "Pixel 6 (21081FDF6001AB)"
SLOWER = 1.25
BASELINE, CANDIDATE = anchor_of("tiny"), sha256_bytes(f"tiny {NIGHTS - 1}".encode())
REPORT = ("report", "--db", "../results.db", "--title", "All of it")


def calibration() -> Calibration:
    """Returns the calibration of the phone of the gates."""
    first = opened(Gated(number=0, ratios={"tiny": 1.0}))
    noise = ModelClass(
        name="10 to 100 ms",
        models=("tiny float32",),
        blocks=60,
        discarded=3,
        process_s=1.0,
        block_sd=0.0123,
        block_sd_plain=0.02,
        second_slower=-0.004,
        modes=None,
        processes_per_side=2,
        smallest_slowdown=0.031,
        red_alone=RedGates(share=0.0, high=0.006),
        red_of_many=RedGates(share=0.0, high=0.006),
        costs=(),
    )
    return Calibration(
        environment=environment_of(first, first.models[0]),
        device=PHONE,
        measured_at="2026-05-01T02:00:00+00:00",
        session_id="calibrated",
        log="calibrations/a.jsonl",
        program="0.1.0",
        ended="decided",
        caveats=(Caveat(kind=CaveatKind.FIXED_PERFORMANCE),),
        classes=(noise,),
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with a database, the gates and calibration beside it, and a report."""
    place = tmp_path_factory.mktemp("folder")
    with Store.open(place / "results.db") as store:
        cases = {}
        for sha256, us in ((BASELINE, 900.0), (CANDIDATE, 1125.0)):
            name = f"tiny_w0.5_keras3_gap_e{len(cases) + 512}_fused"
            store.add_artifact(replace(ARTIFACT, sha256=sha256, name=name))
            store.add_score(scored(sha256, 0.6))
            cases[replace(CASE, artifact_sha256=sha256)] = us
        add_session(store, "1a2b3c4d-one", cases)
        add_session(store, "5e6f7a8b-two", cases, day=2)
    for number in range(NIGHTS):
        ratio = SLOWER if number == NIGHTS - 1 else 1.0
        write_night(place / "gates", Gated(number=number, ratios={"tiny": ratio}))
    sides = {"sides": ("threads=1", "threads=2"), "started_at": "2026-04-01T03:00:00+00:00"}
    write_night(place / "ab", Gated(number=99, ratios={"tiny": 1.0}, changed=sides))
    (place / "gates" / "damaged.jsonl").write_text("{\n")
    save(place / "calibrations", calibration())
    (place / "there").mkdir()
    command_line(*REPORT, "--out", "../page", cwd=place / "there", status=0)
    return place


@pytest.fixture(scope="module")
def folder(place: Path) -> Path:
    return place / "page"


def read(folder: Path, pattern: str) -> str:
    (path,) = folder.glob(pattern)
    return path.read_text(encoding="utf-8")


def words(html: str) -> str:
    return " ".join(re.sub(r"<(style|script|svg).*?</\1>|<[^>]*>", " ", html, flags=re.S).split())


def targets(folder: Path, page: Path) -> set[Path]:
    """Returns the pages that a page links to; a link to nothing, or to no place there, fails."""
    html = (folder / page).read_text(encoding="utf-8")
    assert len(re.findall(r'id="([^"]+)"', html)) == len(set(re.findall(r'id="([^"]+)"', html)))
    found = set()
    for link in map(unquote, LINK.findall(html)):
        address, _, fragment = link.partition("#")
        target = (folder / page.parent / address).resolve() if address else folder / page
        assert target.is_file(), f"{page}: {link}"
        if target.suffix == ".html":
            found.add(target.relative_to(folder.resolve()) if address else page)
            assert not fragment or f'id="{fragment}"' in target.read_text(), f"{page}: {link}"
    return found


def test_the_first_page_leads_to_every_page_and_each_leads_back(folder: Path) -> None:
    first = Path("index.html")
    pages = {path.relative_to(folder) for path in folder.rglob("*.html")}
    assert {str(page.parent) for page in pages} == {".", "files", "devices", "gates", "history"}
    links = {page: targets(folder, page) for page in pages}
    assert links[first] == pages
    for page in pages:
        assert first in links[page], page


def test_gates_stand_on_the_first_page_the_newest_first_with_their_verdicts(folder: Path) -> None:
    html = read(folder, "index.html")
    gates = html[html.index('<section id="gates">') :].split("</section>")[0]
    first, *others = re.findall(r"<tr.*?</tr>", gates, re.DOTALL)[1:]
    assert len(others) == NIGHTS  # with the A/B comparison, which is the oldest
    assert "2026-04-01" in words(others[-1])
    assert "2026-04-01" not in read(folder, "history/index.html")
    assert 'class="strong"' in first
    shown = words(first)
    assert shown.startswith("2026-05-03 03:00 regressed in latency 1 regressed Pixel 6")
    assert BASELINE[:8] in shown
    assert CANDIDATE[:8] in shown
    assert shown.endswith("r02")
    assert "passed 1 same" in words(others[0])
    assert "their history" in words(gates)
    assert "Slower:" in words(gates)
    assert "damaged.jsonl" in words(gates)


def test_a_files_page_has_its_gates_and_a_gates_page_its_files(folder: Path) -> None:
    file = read(folder, f"files/*.{CANDIDATE[:8]}.html")
    shown = words(file[file.index("<h2>Gates</h2>") :].split("</section>")[0])
    assert f"candidate {BASELINE[:8]} latency regressed" in shown
    gate = read(folder, "gates/2026-05-03*.html")
    assert f".{CANDIDATE[:8]}.html" in gate
    assert "0 min" not in gate  # the time that it took is not in its log
    assert words(gate).count("regressed in latency") == 2  # the headline, and the model's part


def test_a_device_that_only_gates_measured_has_a_page_with_its_noise(folder: Path) -> None:
    html = read(folder, "devices/2-*.html")
    shown = words(html[html.index("<main>") :])
    assert f"All results {PHONE}" in shown
    assert "Sessions" not in shown
    assert "Calibrated 2026-05-01 02:00 with xnnpack, 1 thread" in shown
    assert "10 to 100 ms 60 3 discarded 1.2 −0.4 2 3.1 0.0 ≤ 0.6" in shown


def test_a_second_report_is_the_same_bytes_wherever_and_however_it_is_made(
    place: Path, folder: Path, tmp_path: Path
) -> None:
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    frill_bench(
        *REPORT, "--out", tmp_path / "again", cwd=elsewhere, status=0,
        PYTHONHASHSEED="4711", LC_ALL="C", LANG="tr_TR", TZ="Pacific/Chatham",
    )  # fmt: skip
    assert os.environ.get("PYTHONHASHSEED") != "4711"
    first, again = (
        {path.relative_to(top): path.read_bytes() for path in top.rglob("*") if path.is_file()}
        for top in (folder, tmp_path / "again")
    )
    assert {path.suffix for path in first} == {".csv", ".html", ".md", ".png", ".svg"}
    assert first.keys() == again.keys()
    assert [str(path) for path in first if first[path] != again[path]] == []


def test_a_link_to_a_place_in_the_page_keeps_the_choices(folder: Path, tmp_path: Path) -> None:
    script = """
    const size = document.querySelector("[name=size]");
    const before = size.value;
    document.querySelector('a[href="#gates"]').click();
    await new Promise((resolve) => setTimeout(resolve, 100));
    return [before, size.value, location.hash];
    """
    page = folder / "index.html"
    found = found_in(page, script, tmp_path, fragment="#size=3")
    assert found == ["3", "3", "#gates"]
    opened_at = "return [location.hash, document.querySelector('[name=size]').value];"
    assert found_in(page, opened_at, tmp_path, fragment="#gates") == ["#gates", ""]
