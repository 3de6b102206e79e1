"""Colours and sizes of pictures: light and dark, for desks and for phones."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Colours of a picture; families take theirs in alphabetical order."""

    background: str
    ink: str
    muted: str
    faint: str
    families: tuple[str, ...]

    def colours(self) -> tuple[str, ...]:
        """Returns all of them, in the same order in each theme."""
        return self.background, self.ink, self.muted, self.faint, *self.families


# After Okabe and Ito's palette for all kinds of colour vision, darker or lighter for contrast.
LIGHT = Theme(
    background="#ffffff",
    ink="#1d2327",
    muted="#5d6770",
    faint="#e3e6e8",
    families=("#0072b2", "#c8500a", "#00875f", "#a8417f", "#8a6d00", "#3d8fc4", "#5d6770"),
)
DARK = Theme(
    background="#171b1f",
    ink="#e8eaec",
    muted="#a2abb3",
    faint="#30363c",
    families=("#5ab4f0", "#ff9a5c", "#3fcf9f", "#eb9bcb", "#e6c14a", "#a9b8ff", "#a2abb3"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """A theme at a size; narrow ones are for the screens of phones."""

    theme: Theme
    width_in: float
    height_in: float

    @property
    def narrow(self) -> bool:
        """Whether it is for the screens of phones."""
        return self.width_in < 6


STYLES = {
    "light": Style(theme=LIGHT, width_in=9.6, height_in=6.0),
    "dark": Style(theme=DARK, width_in=9.6, height_in=6.0),
    "light-narrow": Style(theme=LIGHT, width_in=4.6, height_in=6.2),
    "dark-narrow": Style(theme=DARK, width_in=4.6, height_in=6.2),
}
SMALL = Style(theme=LIGHT, width_in=4.6, height_in=3.3)  # of charts without labels
