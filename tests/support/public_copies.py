"""Small copies of public data sets: their real folders and file names, noise for audio."""

import csv
import wave
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np

_SAVEE = ("a", "d", "f", "h", "n", "sa", "su")
_HUMAN = (
    "crying_baby", "sneezing", "clapping", "breathing", "coughing", "footsteps", "laughing",
    "brushing_teeth", "snoring", "drinking_sipping",
)  # fmt: skip
_WORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go", "bed", "cat")
_VIDEOS = ("9mQ11vBs1wc", "utrA-v8pPm4", "zELwAz2W6hM")
# Hashes of people in training, validation and test of Speech Commands.
_PEOPLE = ("0a7c2a8d", "00f0204f", "0132a06d")


def write_noise(path: Path, *, samples: int = 400, rate_hz: int = 16_000) -> None:
    """Writes noise that its path decides, as a WAV of 16 bits."""
    seed = list(path.as_posix().encode()[-60:])
    noise = np.random.default_rng(seed).integers(-9_000, 9_000, samples, dtype=np.int16)
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(rate_hz)
        stream.writeframes(noise.tobytes())


def crema_d(root: Path) -> None:
    emotions = ("NEU", "HAP", "SAD", "ANG", "FEA", "DIS")
    for actor, emotion in product(range(1001, 1092), emotions):
        write_noise(root / "AudioWAV" / f"{actor}_IEO_{emotion}_XX.wav")
    write_noise(root / "AudioWAV" / "1040_ITH_SAD_XX.wav")  # that the task leaves out


def savee(root: Path, *, takes: int = 1) -> None:
    for speaker, emotion in product(("DC", "JE", "JK", "KL"), _SAVEE):
        for take in range(takes * (2 if emotion == "n" else 1)):
            name = f"{emotion}{take + 1:02}.wav"
            write_noise(root / "AudioData" / speaker / name, rate_hz=44_100)


def dementiabank(root: Path) -> None:
    for number in range(210):
        kind = "Dementia" if number < 117 else "Control"
        folder = root / "dementia" / "English" / "Pitt" / kind / "cookie"
        write_noise(folder / f"{number:03}-{number % 3}.mp3")  # libsndfile goes by content


def voxforge(root: Path) -> None:
    base = root / "www.repository.voxforge1.org" / "downloads"
    for language, number in product(("de", "en", "es", "fr", "it", "ru"), range(10)):
        folder = base / language / "Trunk" / "Audio" / "Main" / "16kHz_16bit"
        for date in (f"2009{number + 1:02}17", "20210101"):
            upload = folder / f"{language}speaker{number}-{date}-ump"
            write_noise(upload / "wav" / f"{language}5-001.wav")
            (upload / "README").write_text("License: GPL 3\n")


def voxceleb1(root: Path) -> None:
    lines = []
    for person, (code, video) in product(range(10_001, 10_007), enumerate(_VIDEOS)):
        for take in (1, 2):
            name = f"id{person}/{video}/{take:05}.wav"
            write_noise(root / "wav" / name)
            lines.append(f"{code + 1} {name}")
    lines.append("3 id10006/zELwAz2W6hM/00009.wav")  # only in the other archive
    (root / "iden_split.txt").write_text("\n".join(lines) + "\n")


def voxceleb1_verification(root: Path) -> None:
    names = [
        f"id{person}/{video}/00001.wav" for person, video in product(range(10_270, 10_274), _VIDEOS)
    ]
    for name in (*names, "id10275/9mQ11vBs1wc/00001.wav"):  # of no pair
        write_noise(root / "wav" / name)
    pairs = [(one, other) for one, other in product(names, names) if one < other]
    lines = [f"{int(one[:7] == other[:7])} {one} {other}" for one, other in pairs]
    lines.append(f"1 {names[0]} id10270/{_VIDEOS[0]}/00007.wav")  # that is not there
    (root / "veri_test.txt").write_text("\n".join(lines) + "\n")


def fsd50k(root: Path) -> None:
    truth = root / "FSD50K.ground_truth"
    truth.mkdir(parents=True)
    kinds = ("Bark,Animal,Dog", "Meow,Animal", "Speech", "Dog,Speech")
    for part, numbers in (("dev", range(100, 112)), ("eval", range(200, 206))):
        with (truth / f"{part}.csv").open("w", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(["fname", "labels", "mids", *["split"] * (part == "dev")])
            for number in numbers:
                split = ["val" if number % 4 == 3 else "train"] if part == "dev" else []
                table.writerow([number, kinds[number % 3 + (number > 107)], "/m/0bt9lr", *split])
                write_noise(root / f"FSD50K.{part}_audio" / f"{number}.wav", rate_hz=44_100)


def speech_commands(root: Path) -> None:
    main = root / "speech_commands_v0.02"
    test = root / "speech_commands_test_set_v0.02"
    lists: dict[str, list[str]] = {"testing": [], "validation": []}
    for word, (place, person) in product(_WORDS, enumerate(_PEOPLE)):
        name = f"{word}/{person}_nohash_0.wav"
        write_noise(main / name)
        if place:
            lists["validation" if place == 1 else "testing"].append(name)
    for kind, names in lists.items():
        (main / f"{kind}_list.txt").write_text("\n".join(names) + "\n")
    for noise in ("running_tap", "pink_noise"):
        write_noise(main / "_background_noise_" / f"{noise}.wav", samples=48_000)
    for word in _WORDS[:10]:
        source = main / word / f"{_PEOPLE[2]}_nohash_0.wav"
        (test / word).mkdir(parents=True)
        (test / word / source.name).write_bytes(source.read_bytes())
    write_noise(test / "_unknown_" / f"bed_{_PEOPLE[2]}_nohash_0.wav")
    write_noise(test / "_silence_" / "2.wav")


def esc50_human(root: Path) -> None:
    rows = []
    for target, (category, fold) in enumerate(product((*_HUMAN, "dog"), range(1, 6))):
        for take in "AB":
            name = f"{fold}-{17_000 + target}-{take}-{target}.wav"
            write_noise(root / "audio" / name, rate_hz=44_100)
            rows.append((name, fold, target, category, "False", 17_000 + target, take))
    (root / "meta").mkdir()
    with (root / "meta" / "esc50.csv").open("w", newline="") as stream:
        columns = ("filename", "fold", "target", "category", "esc10", "src_file", "take")
        csv.writer(stream).writerows([columns, *rows])


def masc(root: Path, *, kept_back: bool = False) -> None:
    rows = []
    for part, number in product(("train", "devel", "test"), range(1, 5)):
        name = f"{part}_{number:05}.wav"
        write_noise(root / "wav" / name)
        label = ("mask", "clear")[number % 2]
        rows.append((name, "?" if kept_back and part == "test" else label))
    (root / "lab").mkdir()
    with (root / "lab" / "labels.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("file_name", "label"), *rows])


COPIES: dict[str, Callable[[Path], None]] = {
    write.__name__: write
    for write in (
        crema_d, dementiabank, esc50_human, fsd50k, masc, savee, speech_commands, voxceleb1,
        voxceleb1_verification, voxforge,
    )
}  # fmt: skip
