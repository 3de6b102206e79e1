"""What evidence tests leave: tables under docs/evidence."""

from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "evidence"


def write_table(name: str, text: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Writes docs/evidence/NAME.md."""
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.md").write_text(f"{text}\n\n" + "\n".join(lines) + "\n")
