"""What one run of the demo left."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    out: Path
    wall_s: float
    stdout: str
    stderr: str
