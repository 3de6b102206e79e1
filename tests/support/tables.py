"""What evidence tests leave: tables under docs/evidence."""

from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "evidence"


def write_table(name: str, text: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Writes docs/evidence/NAME.md."""
    write_texts(name, f"{text}\n\n{table(head, rows)}")


def write_texts(name: str, *texts: str) -> None:
    """Writes docs/evidence/NAME.md from paragraphs and tables."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.md").write_text("\n\n".join(texts) + "\n")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table in Markdown."""
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)
