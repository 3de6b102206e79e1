"""Words that the glossary replaced do not come back in prose, messages and names."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# What is held to the words below.
ROOMS = ("bench", "models", "reports", "device_profiles", "docs", "README.md", "CONTRIBUTING.md")
LEFT_OUT = ("docs/evidence",)  # tables of numbers, written by tests
SUFFIXES = {".py", ".md", ".html", ".yaml"}

# A phrase that is not used, and what to say.
PHRASES = {
    r"look(s|ed|ing)?": "a state, a poll, an interim analysis; to check",
    r"told|tells?|telling": "shown, reported; to distinguish",
    r"says|said|saying": "shows, reports, contains",
    r"mend(s|ed|ing)?": "repair, fix",
    r"condemn\w*": "reject",
    r"nights": "nightly runs, history",
    r"sat|sittings?": "a session",
    r"dealt|deals? out": "drawn, assigned",
    r"whoever": "name who",
    r"doubt\w*": "a caveat; a reason why a verdict is undecided",
    r"(goes|go|going|gone|went) on( with)?": "to resume, to continue",
    r"arms?": "a side",
    r"lies?|lying|lay": "is",
    r"pupils?": "a student",
    r"lessons?|taught|teach(es)?": "targets; to distill, to train",
    r"sensed": "telemetry",
    r"stolen|stole": "interference",
    r"correctness": "an output check",
    r"another day": "between sessions",
    r"narrator": "a reporter",
    r"(one|two|three|row|vector|module|object|line|lane|sentence|\d+) an? (line|row|verb|file|clip"
    r"|student|model|case|process|side|device|phone|second|step|block|run|call|class|column|key"
    r"|serial|label|axis|teacher)": "per",
    r"(?<!there )(is|are) no (?!longer|more|less|larger|earlier|later)[a-z]+": "is not a",
}
# Words that the glossary avoids for one thing and that have another plain meaning.
OTHER_MEANINGS = {
    "around": "a place",
    "conditions": "assessments of a state",
    "precision": "of numbers",
    "profile (alone)": "no pattern sees what it stands for",
    "snapshot": "a folder with everything read from a phone",
}
# Where a phrase is meant: file, part of the line, reason.
ALLOWED = {
    (
        "bench/tool/litert_runner.py",
        "says",
    ): "its SHA-256 is the runner's identity in every stored case",
    ("models/distill/recipe.py", "lesson"): "the key in cards and recipes of older versions",
    ("bench/core/caveats.py", "the screen went on or off"): "a screen goes on and off",
}
# Parts of names; a name is split at underscores and capitals.
NAMES = {
    "look", "looks", "looked", "told", "tell", "tells", "said", "says", "mend", "condemn",
    "condemning", "nights", "sat", "dealt", "whoever", "doubt", "doubts", "sitting", "arm", "arms",
    "pupil", "lesson", "taught", "sensed", "narrator", "lies",
}  # fmt: skip


def files() -> list[Path]:
    found: list[Path] = []
    for room in ROOMS:
        place = ROOT / room
        found += [place] if place.is_file() else sorted(place.rglob("*"))
    return [
        path
        for path in found
        if path.suffix in SUFFIXES and not str(path.relative_to(ROOT)).startswith(LEFT_OUT)
    ]


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yields the lines of a file that people read, with their numbers.

    Of Python: comments, docstrings, and literals of several words; one word alone is a key.
    """
    text = path.read_text()
    if path.suffix != ".py":
        for number, line in enumerate(text.splitlines(), start=1):
            yield (
                number,
                line.rpartition("|")[0].rpartition("|")[0] if _is_term(path, line) else line,
            )
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for offset, line in enumerate(node.value.splitlines()):
                if " " in line.strip():
                    yield node.lineno + offset, line


def _is_term(path: Path, line: str) -> bool:
    """Returns whether the last column of a line is the one of words that are not used."""
    return path.name == "glossary.md" and line.startswith("|")


def names(path: Path) -> Iterator[tuple[int, str]]:
    """Yields the names that a Python file gives: of functions, classes, arguments, variables."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                yield node.lineno, name


def parts(name: str) -> set[str]:
    return {part.lower() for part in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+(?![a-z])", name)}


def is_allowed(path: Path, line: str) -> bool:
    return any(str(path.relative_to(ROOT)) == file and part in line for file, part in ALLOWED)


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_none_of_the_words_that_the_glossary_replaced(path: Path) -> None:
    lines = [(number, line) for number, line in prose(path) if not is_allowed(path, line)]
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]!r} (say: {instead}): {line.strip()}"
        for phrase, instead in PHRASES.items()
        for number, line in lines
        for match in re.finditer(rf"\b({phrase})\b", line, re.IGNORECASE)
    ]
    if path.suffix == ".py":
        found += [
            f"{path.relative_to(ROOT)}:{number}: name {name}"
            for number, name in names(path)
            if parts(name) & NAMES and not is_allowed(path, name)
        ]
    assert not found, "\n".join(["", *found])


def test_each_word_that_the_glossary_avoids_is_looked_for() -> None:
    rows = re.findall(r"^\|.*\| ([^|]+) \|$", (ROOT / "docs" / "glossary.md").read_text(), re.M)
    avoided = {word.strip() for row in rows for word in row.split(",")} - {"do not say", "---"}
    assert len(avoided) > 15
    for word in avoided - set(OTHER_MEANINGS):
        assert any(re.search(rf"\b({phrase})\b", word) for phrase in PHRASES), word


def test_what_is_allowed_is_there() -> None:
    for file, part in ALLOWED:
        assert part in (ROOT / file).read_text(), file


@pytest.mark.parametrize(
    ("line", "is_found"),
    [
        ("it says why", True),
        ("told apart", True),
        ("ten processes an arm", True),
        ("on arm64", False),
        ("it is no model", True),
        ("there is no model", False),
        ("it is no longer there", False),
        ("one a line", True),
        ("measure one a second time", True),
        ("nightly runs", False),
    ],
)
def test_phrases_are_found_as_whole_words(line: str, is_found: bool) -> None:
    assert any(re.search(rf"\b({phrase})\b", line) for phrase in PHRASES) is is_found
