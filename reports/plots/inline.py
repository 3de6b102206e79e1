"""Drawn pictures as part of a page: in its colours, which follow the reader's theme."""

from __future__ import annotations

import re

from bench.core.hashing import sha256_bytes
from reports.plots.merged import merged
from reports.plots.themes import DARK, LIGHT, Theme

_VARIABLE = "--plot-{}"
# The names of namespaces are not needed within HTML.
_DROPPED = re.compile(r'<!--.*?-->|<metadata>.*?</metadata>| xmlns(?::xlink)?="[^"]*"', re.DOTALL)
# Of all elements; in a page it would be of all elements of the page.
_SHEET = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
_ID = re.compile(r'\bid="([^"]+)"')
_REFERENCE = re.compile(r'(?:xlink:)?href="#([^"]+)"|url\(#([^)]+)\)')
_STYLE = re.compile(r'style="([^"]+)"')
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_LONG = re.compile(r"\b([1-9]\d+\.\d)\d+")  # of a number above 10: no reader sees the rest
_BLANKS = re.compile(r"\s*\n\s*")


def inline(svg: bytes, name: str) -> str:
    """Returns an SVG drawn in the light theme as an element of a page, as short as it can be.

    Its colours are the page's variables (see ``variables``), and its texts are hidden from screen
    readers. Identifiers and classes begin with a few letters of ``name``'s hash.

    Args:
        name: of the picture, unique in the page.
    """
    prefix = f"p{sha256_bytes(name.encode())[:5]}"
    text = svg.decode()
    text = _SHEET.sub("", _DROPPED.sub("", text[text.index("<svg") :]))
    names = {colour: _VARIABLE.format(n) for n, colour in enumerate(LIGHT.colours())}
    text = _COLOUR.sub(lambda match: f"var({names[match[0]]})", text)
    used: dict[str, str] = {}
    for match in _REFERENCE.finditer(text):
        used.setdefault(match[1] or match[2], f"{prefix}{len(used)}")
    text = _ID.sub(lambda match: f'id="{used[match[1]]}"' if match[1] in used else "", text)
    text = _REFERENCE.sub(
        lambda match: f'href="#{used[match[1]]}"' if match[1] else f"url(#{used[match[2]]})", text
    )
    styles: dict[str, str] = {}
    for match in _STYLE.finditer(text):
        styles.setdefault(match[1], f"{prefix}-{len(styles)}")
    text = _STYLE.sub(lambda match: f'class="{styles[match[1]]}"', text)
    sheet = "".join(f".{name}{{{style}}}" for style, name in styles.items())
    text = merged(_BLANKS.sub(" ", _LONG.sub(r"\1", text)))
    start = text.index(">") + 1
    text = f"{text[:start]}<style>{sheet}</style>{text[start:]}"
    return text.replace("<svg ", '<svg aria-hidden="true" stroke-linejoin="round" ', 1).strip()


def variables() -> tuple[str, str]:
    """Returns the declarations of the pictures' colours, in the light theme and in the dark one."""
    return _declared(LIGHT), _declared(DARK)


def _declared(theme: Theme) -> str:
    return " ".join(f"{_VARIABLE.format(n)}: {colour};" for n, colour in enumerate(theme.colours()))
