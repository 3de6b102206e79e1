"""A drawn picture in fewer elements: a text is one outline, and points that are alike are one path.

Matplotlib writes an element for each letter and each point, and a browser builds a tree for each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TypeAlias

from bench.core.hashing import sha256_bytes

_GRID = 0.25  # of a text's outlines, in hundredths of its size: 0.02 points in a text of 9 points
_IN_FONT = 0.015625  # of a hundredth: the numbers of a letter's outline
_ALIKE = 3  # points, from which on a path of them is shorter

_LETTER = re.compile(r'<path id="([^"]+)" d="([^"]*)" transform="scale\(0\.015625\)"/>')
_LETTERS = r'(?:<use href="#[^"]+"(?: transform="translate\([^)]+\)")?/>\s*)+'
_TEXT = re.compile(
    r'<g class="([^"]+)" transform="([^"]*) scale\(([\d.]+) -[\d.]+\)">\s*'
    rf"(?:<defs>.*?</defs>\s*)?({_LETTERS})</g>",
    re.DOTALL,
)
_USE = re.compile(r'<use href="#([^"]+)"(?: transform="translate\(([^ )]+) ([^)]+)\)")?/>')
_POINTS = re.compile(r'(?:<use href="#[^"]+" x="[^"]+" y="[^"]+" class="[^"]+"/>\s*)+')
_POINT = re.compile(r'<use href="#([^"]+)" x="([^"]+)" y="([^"]+)" class="([^"]+)"/>')
_GROUP = re.compile(r"<g\b[^>]*>|</g>")
_COMMAND = re.compile(r"([MLQz])([^MLQz]*)")
_SHARED = re.compile(r'<path id="(text-[0-9a-f]+)" d="[^"]*"/>')

_Place: TypeAlias = tuple[int, int]


def merged(svg: str) -> str:
    """Returns an SVG element of a page that shows the same with fewer elements.

    An outline of a text has an identifier that is its hash, so that the pictures of a page can
    share it (see ``shared_once``).

    Args:
        svg: with classes for styles, in which each letter and each point is a ``<use>``.
    """
    letters = dict(_LETTER.findall(svg))
    outlines: dict[str, str] = {}
    markers: dict[str, str] = {}

    def text(match: re.Match[str]) -> str:
        outline = _outline(letters, _USE.findall(match[4]))
        name = f"text-{sha256_bytes(outline.encode())[:10]}"
        outlines[name] = outline
        size = f"{float(match[3]) * _GRID:.5g}"
        where = f'transform="{match[2]} scale({size} -{size})"'
        return f'<use href="#{name}" class="{match[1]}" {where}/>'

    svg = _TEXT.sub(text, svg)
    svg = _POINTS.sub(lambda match: _points(_POINT.findall(match[0]), markers), svg)
    start = svg.index(">") + 1
    defined = "".join(f'<path id="{name}" d="{outline}"/>' for name, outline in outlines.items())
    defined += "".join(markers.values())
    return _without_empty_groups(f"{svg[:start]}<defs>{defined}</defs>{svg[start:]}")


def shared_once(page: str) -> str:
    """Returns a page in which each outline of a text is defined once."""
    seen: set[str] = set()

    def first(match: re.Match[str]) -> str:
        if match[1] in seen:
            return ""
        seen.add(match[1])
        return match[0]

    return _SHARED.sub(first, page)


def _points(points: Iterable[tuple[str, str, str, str]], markers: dict[str, str]) -> str:
    """Returns points in their order, those that are alike as the corners of a line not drawn.

    Args:
        markers: what is drawn at the corners, by identifier; those that are new are added.
    """
    found = []
    for (shape, style), alike in groupby(points, key=lambda point: (point[0], point[3])):
        places = [(x, y) for _, x, y, _ in alike]
        if len(places) < _ALIKE:
            found += [f'<use href="#{shape}" x="{x}" y="{y}" class="{style}"/>' for x, y in places]
            continue
        marker = f"{shape}-{style}"
        line = " ".join(f"{x} {y}" for x, y in places)
        markers[marker] = (
            f'<marker id="{marker}" overflow="visible" markerUnits="userSpaceOnUse">'
            f'<use href="#{shape}" class="{style}"/></marker>'
        )
        found.append(f'<path fill="none" style="marker:url(#{marker})" d="M{line}"/>')
    return "".join(found)


def _without_empty_groups(svg: str) -> str:
    """Returns an SVG without groups that hold nothing or say nothing of what they hold."""
    kept: list[bool] = []

    def needed(match: re.Match[str]) -> str:
        if match[0] == "</g>":
            return match[0] if kept.pop() else ""
        if match[0].endswith("/>"):
            return ""
        kept.append("=" in match[0])
        return match[0] if kept[-1] else ""

    return re.sub(r">\s+<", "><", _GROUP.sub(needed, svg)).replace("<defs></defs>", "")


def _outline(letters: dict[str, str], uses: Iterable[tuple[str, str, str]]) -> str:
    """Returns the outlines of letters as the data of one path, in whole numbers of the grid.

    Its commands are as short as they can be: relative, and curves that continue smoothly.
    """
    words: list[str] = []
    at = begun = (0, 0)
    control: _Place | None = None  # of the curve before, if there is one
    for name, x, y in uses:
        for command, places in _commands(letters.get(name, ""), float(x or 0), float(y or 0)):
            if command == "z":
                words.append("z")
                at, control = begun, None
                continue
            end = places[-1]
            if command == "Q":
                word, control = _curve(at, places[0], end, control)
            else:
                word, control = _straight(command, at, end), None
                begun = end if command == "M" else begun
            words.append(word)
            at = end
    return "".join(words)


def _commands(outline: str, x: float, y: float) -> Iterator[tuple[str, list[_Place]]]:
    """Yields the commands of a letter's outline, with their places on the grid."""
    for command, numbers in _COMMAND.findall(outline):
        values = [float(each) * _IN_FONT for each in numbers.split()]
        yield (
            command,
            [
                (round((x + across) / _GRID), round((y + up) / _GRID))
                for across, up in zip(values[::2], values[1::2], strict=True)
            ],
        )


def _curve(at: _Place, control: _Place, end: _Place, before: _Place | None) -> tuple[str, _Place]:
    """Returns a curve and the control it has in fact.

    Where the control is the mirror image of the one before, within a step of the grid, it is left
    out.
    """
    step = (end[0] - at[0], end[1] - at[1])
    if before is not None:
        mirror = (2 * at[0] - before[0], 2 * at[1] - before[1])
        if max(abs(mirror[0] - control[0]), abs(mirror[1] - control[1])) <= 1:
            return "t" + _numbers(*step), mirror
    return "q" + _numbers(control[0] - at[0], control[1] - at[1], *step), control


def _straight(command: str, at: _Place, end: _Place) -> str:
    across, up = end[0] - at[0], end[1] - at[1]
    if command == "M":
        return "m" + _numbers(across, up)
    if across and up:
        return "l" + _numbers(across, up)
    return f"v{up}" if up else f"h{across}"


def _numbers(*values: int) -> str:
    return " ".join(map(str, values)).replace(" -", "-")
