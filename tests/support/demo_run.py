"""One run of the demo: of which students, and what it left."""

from dataclasses import dataclass
from pathlib import Path

TINY = "tiny_w0.5_keras3_gap_e512_unfused"
FUSED = "small_w1.0_keras3_gap_e1024_fused"
STUDENTS = (TINY, FUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    out: Path
    stdout: str
    stderr: str
