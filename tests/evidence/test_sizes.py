"""Sizes of FRILL and of the TRILL-shaped teacher, built and converted for real; about a minute."""

from pathlib import Path

import pytest
from support.tables import write_table

from bench.core.artifact import Artifact, Format
from bench.flow.build.convert import convert_to_zoo
from models.student.buildable import TrillShaped
from models.student.spec import FRILL

pytestmark = [pytest.mark.evidence, pytest.mark.zoo, pytest.mark.audio]


def test_frill_and_the_trill_shaped_teacher_have_their_sizes(
    tmp_path: Path, audio_root: Path
) -> None:
    frill, failed = convert_to_zoo([FRILL], formats=list(Format), zoo=tmp_path, audio=audio_root)
    trill, broken = convert_to_zoo([TrillShaped()], formats=[Format.FLOAT32], zoo=tmp_path)
    assert not failed
    assert not broken
    made = [*frill[0], *trill[0]]
    write_table(
        "sizes",
        "Sizes and fidelity of FRILL's formats, and the size of the TRILL-shaped teacher "
        "(`make evidence`).",
        ["model", "parameters", "format", "bytes", "cosine mean", "5 %", "min", "SNR dB"],
        [_cells(each) for each in made],
    )
    size = {(each.name, each.format): each.size_bytes for each in made}
    assert 40.33e6 < size[FRILL.name, Format.FLOAT32] < 40.38e6
    assert size[FRILL.name, Format.FLOAT16] == pytest.approx(20.2e6, rel=0.005)
    assert 10.4e6 < size[FRILL.name, Format.DYNAMIC] < 10.5e6
    assert 10.6e6 < size[FRILL.name, Format.INT8] < 10.8e6
    assert size[TrillShaped().name, Format.FLOAT32] == pytest.approx(98.1e6, rel=0.001)


def _cells(artifact: Artifact) -> list[str]:
    near = artifact.fidelity
    cells = [
        artifact.name,
        f"{artifact.parameters:,}",
        artifact.format.value,
        f"{artifact.size_bytes:,}",
    ]
    if near is None:
        return [*cells, "", "", "", ""]
    cosines = (near.cosine_mean, near.cosine_p5, near.cosine_min)
    return [*cells, *(f"{cosine:.5f}" for cosine in cosines), f"{near.snr_db:.1f}"]
