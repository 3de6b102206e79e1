"""What a page says to a reader."""

import html
import re
from pathlib import Path


def words(page: Path) -> str:
    """Returns the text of a page, without its styles and scripts."""
    text = re.sub(r"<(style|script).*?</\1>|<[^>]+>", " ", page.read_text(), flags=re.DOTALL)
    return " ".join(html.unescape(text).split())
