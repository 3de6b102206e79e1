"""The pages of single files and devices beside the page of all results."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from support.stored_sessions import ARTIFACT, CASE, DEVICE, add_session

from bench.core.artifact import Artifact
from bench.flow.report.write import report
from bench.store.store import Store

LINK = re.compile(r'href="([^"#:]+)"')


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the folder of a report of a file in two sessions of a phone, and of another file."""
    out = tmp_path_factory.mktemp("details")
    other: Artifact = replace(ARTIFACT, name="a b&<i>", file="b.tflite", sha256="b" * 64)
    with Store.open(out / "results.db") as store:
        for artifact in (ARTIFACT, other):
            store.add_artifact(artifact)
        cases = {CASE: 900.0, replace(CASE, artifact_sha256=other.sha256): 700.0}
        add_session(store, "1a2b3c4d-one", cases)
        newer = replace(DEVICE, os_build="AP3A")
        add_session(store, "5e6f7a8b-two", {CASE: 990.0}, device=newer, day=2)
        report(store, out=out / "page", title="T", command="frill-bench report")
    return out / "page"


def read(folder: Path, pattern: str) -> str:
    (path,) = folder.glob(pattern)
    return path.read_text(encoding="utf-8")


def test_each_file_and_each_device_has_a_page_and_every_link_leads_somewhere(folder: Path) -> None:
    pages = sorted(path.relative_to(folder) for path in folder.rglob("*.html"))
    assert [str(page) for page in pages] == [
        "devices/1-Pixel-6.html",
        "files/a-b-i-.float32.bbbbbbbb.html",
        "files/tiny_w0.5_keras3_gap_e512_fused.float32.aaaaaaaa.html",
        "index.html",
    ]
    for page in pages:
        html = (folder / page).read_text(encoding="utf-8")
        for link in LINK.findall(html):
            assert (folder / page.parent / link).resolve().is_file(), f"{page}: {link}"


def test_a_files_page_has_its_facts_and_its_latency_over_sessions(folder: Path) -> None:
    html = read(folder, "files/tiny*")
    assert "<dt>SHA-256</dt><dd>" + "a" * 64 in html
    assert "x float32 [1, 15600]" in html
    section = html[html.index("<h2>Over sessions</h2>") :]
    assert 'aria-label="Latency over sessions.' in section
    assert section.count("<tr") == 1 + 2
    assert ">904<" in section
    assert ">994<" in section


def test_a_file_of_one_session_has_no_picture_over_time(folder: Path) -> None:
    html = read(folder, "files/a-b*")
    assert "<h1>a b&amp;&lt;i&gt;.float32</h1>" in html
    assert "Over sessions" not in html


def test_a_devices_page_has_its_sessions_with_their_systems(folder: Path) -> None:
    html = read(folder, "devices/*")
    assert "<dt>processor</dt><dd>Tensor</dd>" in html
    assert html.count("<tr") == 1 + 2
    assert "AP2A" in html
    assert "AP3A" in html
