"""What the program should find on each phone of the gallery, and do with it."""

from dataclasses import dataclass, field, replace

from bench.flow.checks.phone import Verdict

GOOD, CAVEATS, BAD = Verdict.GOOD, Verdict.WITH_CAVEATS, Verdict.NOT_USABLE
NO_HAL = "its thermal HAL is not ready"
NO_SERVICE = "Can't find service: thermalservice"
# What depends on the machine on which a phone is replayed.
OF_THE_MACHINE = {"load", "space"}


@dataclass(frozen=True, kw_only=True)
class Expected:
    """One phone.

    Args:
        chip: as the phone names it.
        verdict: of doctor, if the phone were not virtual.
        findings: check to level, of those that are warnings or problems.
        clusters: number of cores and highest clock in kHz of each, slowest first.
        mask: of one thread; ``None`` where nothing is pinned.
        status: thermal status, or why there is none.
        cpu_c, skin_c: ``None`` where the phone does not show it.
        heat: what doctor's line about heat contains.
        screen: at the start.
        page_bytes: ``None`` where the phone has no command for it.
        measured: whether a run without flags gives a number; else it is set aside as unfit.
        official: whether the handset's official tool starts there.
        refused: settings that it does not let us change.
    """

    chip: str
    verdict: Verdict
    clusters: tuple[tuple[int, int], ...]
    mask: str | None
    status: float | str
    cpu_c: float | None
    skin_c: float | None
    findings: dict[str, str] = field(default_factory=dict)
    heat: str = ""
    screen: str = "Awake"
    page_bytes: int = 4096
    measured: bool = True
    official: bool = True
    refused: tuple[str, ...] = ()

    @property
    def shown(self) -> "Expected":
        """What doctor shows of it; in its line about heat it shows more than is expected."""
        return replace(self, heat="", measured=True, official=True, refused=())


PIXEL_1 = ((2, 1_593_600), (2, 2_150_400))
EXPECTED = {
    "android7": Expected(
        chip="msm8996",
        verdict=CAVEATS,
        findings={"screen": "warning"},
        clusters=PIXEL_1,
        mask="c",
        status=NO_SERVICE,
        cpu_c=None,
        skin_c=None,
        screen="Asleep",
    ),
    "android8-pixel1": Expected(
        chip="msm8996",
        verdict=GOOD, clusters=PIXEL_1, mask="c", status=NO_SERVICE, cpu_c=None, skin_c=None
    ),
    "android10": Expected(
        chip="msmnile",
        verdict=CAVEATS,
        findings={"screen": "warning"},
        clusters=((4, 1_785_600), (3, 2_419_200), (1, 2_841_600)),
        mask="80",
        status=0,
        cpu_c=34.8,
        skin_c=31.0,
        screen="Asleep",
    ),
    "android13": Expected(
        chip="QTI SM7250",
        verdict=GOOD,
        clusters=((6, 1_804_800), (1, 2_208_000), (1, 2_400_000)),
        mask="80",
        status=0,
        cpu_c=32.2,
        skin_c=29.4,
    ),
    "android16-16k": Expected(
        chip="Google Tensor G3",
        verdict=GOOD,
        clusters=((4, 1_704_000), (4, 2_367_000), (1, 2_914_000)),
        mask="100",
        status=0,
        cpu_c=61.0,
        skin_c=31.0,
        page_bytes=16_384,
        official=False,
    ),
    "bits32": Expected(
        chip="exynos7570",
        verdict=CAVEATS,
        findings={"ABI": "warning"},
        clusters=((4, 1_430_000),),
        mask=None,
        status=NO_SERVICE,
        cpu_c=None,
        skin_c=None,
    ),
    "hidden-sensors": Expected(
        chip="Spreadtrum T606",
        verdict=CAVEATS,
        findings={"cores": "warning", "taskset": "warning"},
        clusters=(),
        mask=None,
        status=NO_HAL,
        cpu_c=None,
        skin_c=None,
        heat=NO_HAL,
    ),
    "mtk-hotplug": Expected(
        chip="mt6797",
        verdict=CAVEATS,
        findings={"cores": "warning", "taskset": "warning"},
        clusters=((4, 1_547_000), (4, 2_002_000)),
        mask=None,
        status=NO_SERVICE,
        cpu_c=None,
        skin_c=None,
    ),
    "pixel-tensor": Expected(
        chip="Google Tensor",
        verdict=GOOD,
        clusters=((4, 1_803_000), (2, 2_253_000), (2, 2_802_000)),
        mask="c0",
        status=0,
        cpu_c=27.0,
        skin_c=24.8,
        heat="status none, battery 31.3 °C, skin 24.8 °C, cpu 27.0 °C",
    ),
    "qcom-boost": Expected(
        chip="QTI SM8250",
        verdict=GOOD,
        clusters=((4, 1_766_400), (4, 2_956_800)),
        mask="f0",
        status=NO_HAL,
        cpu_c=None,
        skin_c=None,
        heat=NO_HAL,
    ),
    "samsung-capped": Expected(
        chip="Samsung s5e9945",
        verdict=BAD,
        findings={"heat": "problem", "clocks": "warning"},
        clusters=((4, 1_959_000), (3, 2_592_000), (2, 2_900_000), (1, 3_207_000)),
        mask="200",
        status=0,
        cpu_c=53.4,
        skin_c=40.0,
        heat="skin at 40.0 °C, above 37 °C",
        measured=False,
    ),
    "samsung-exynos": Expected(
        chip="Samsung Exynos 9611",
        verdict=GOOD,
        clusters=((4, 1_638_000), (4, 2_210_000)),
        mask="f0",
        status=0,
        cpu_c=34.6,
        skin_c=28.2,
    ),
    "wireless": Expected(
        chip="Google Tensor G2",
        verdict=GOOD,
        clusters=((4, 1_803_000), (2, 2_348_000), (2, 2_850_000)),
        mask="c0",
        status=0,
        cpu_c=36.0,
        skin_c=30.1,
    ),
    "xiaomi-locked-settings": Expected(
        chip="QTI SM6115",
        verdict=GOOD,
        clusters=((4, 1_804_800), (4, 2_016_000)),
        mask="f0",
        status=0,
        cpu_c=35.4,
        skin_c=33.2,
        refused=(
            "animator-duration", "brightness", "brightness-mode", "screen-time-out", "stay-awake",
            "transition-animation", "window-animation",
        ),
    ),
}  # fmt: skip
