"""Real clips of five speakers and three labels, as a user's own audio has them."""

from pathlib import Path

import soundfile

from models.audio.decode import decode

LABELS = ("digits", "letters", "phonetic")
# The packages' folders of one speaker each.
_FOLDERS = {
    "allison": "asterisk-core-sounds-en-gsm/usr/share/asterisk/sounds/en_US_f_Allison",
    "june": "asterisk-core-sounds-fr-gsm/usr/share/asterisk/sounds/fr_CA_f_June",
    "carlo": "asterisk-core-sounds-it-gsm/usr/share/asterisk/sounds/it_IT_m_Carlo",
    "ivrvoice": "asterisk-core-sounds-ru-gsm/usr/share/asterisk/sounds/ru_RU_f_IvrvoiceRU",
    "menardi": "asterisk-prompt-it-menardi-gsm/usr/share/asterisk/sounds/it_IT_f_Menardi",
}
VOICES = tuple(_FOLDERS)
_CLIPS = 6
_SPLITS = {"ivrvoice": "test", "menardi": "test"}


def write_clips(audio_root: Path, folder: Path) -> None:
    """Writes LABEL/VOICE/CLIP.wav, 16 bits, 16 kHz."""
    for voice, below in _FOLDERS.items():
        for label in LABELS:
            sources = sorted((audio_root / below / label).glob("*.gsm"))
            place = folder / label / voice
            place.mkdir(parents=True)
            for source in sources[:: len(sources) // _CLIPS][:_CLIPS]:
                soundfile.write(place / f"{source.stem}.wav", decode(source), 16_000)


def lines(root: Path, form: str) -> list[str]:
    """Returns a line for each clip.

    Args:
        form: with ``{path}``, ``{label}``, ``{voice}``, ``{split}`` (by speaker) and ``{mixed}``
            (a split that does not care for speakers).
    """
    return [
        form.format(
            path=path.relative_to(root).as_posix(),
            label=path.parts[-3],
            voice=path.parts[-2],
            split=_SPLITS.get(path.parts[-2], "train"),
            mixed="test" if number % 3 == 0 else "train",
        )
        for number, path in enumerate(sorted(root.rglob("*.wav")))
    ]


def csv(
    root: Path, head: str, rows: list[str], *, end: str = "\n", encoding: str = "utf-8"
) -> Path:
    """Writes a CSV in the folder of the clips; returns its path."""
    path = root / "clips.csv"
    path.write_bytes("".join(f"{line}{end}" for line in (head, *rows)).encode(encoding))
    return path
