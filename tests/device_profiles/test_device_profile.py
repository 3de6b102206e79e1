from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.adb.state.facts import Facts, clusters_of
from bench.core import config
from bench.core.errors import ConfigurationError
from bench.flow.phone.discovery import affinity, capture_profile, complete_facts, profile_of
from device_profiles.device_profile import (
    CoreCluster,
    Match,
    Profile,
    choose,
    profiles,
    save,
)

CLUSTERS = clusters_of({0: 1_800, 1: 1_800, 2: 2_300, 3: 2_300, 4: 2_900}, {})
FACTS = Facts(
    serial="R58N",
    manufacturer="Google",
    model="Pixel 8",
    codename="shiba",
    soc="Google Tensor G3",
    abis=("arm64-v8a",),
    sdk=34,
    release="14",
    fingerprint="google/shiba/shiba:14/1:user/release-keys",
    boot_id="b",
    cores=(0, 1, 2, 3, 4),
    clusters=CLUSTERS,
    allowed_cores=(0, 1, 2, 3, 4),
    page_bytes=4096,
    memory_bytes=8 << 30,
    taskset=True,
    virtual=False,
)


def profile(name: str, match: Match, **keys: Any) -> Profile:
    return replace(Profile(name=name, match=match, source="a test"), **keys)


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FRILL_BENCH_PROFILES", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("Pixel", "Pixel (2016)"),
        ("Pixel 6 Pro", "Pixel 6"),
        ("pixel 8", "Pixel 8"),
        ("Pixel 9a", "Pixel 9"),
        ("Pixel 10 Pro Fold", "Pixel 10"),
        ("Pixel 7", "any phone"),
        ("SM-S921B", "any phone"),
    ],
)
@pytest.mark.usefixtures("own_folder")
def test_packaged_profiles_are_found_by_model(model: str, name: str) -> None:
    assert choose(profiles(), model=model, soc=None, abis=()).name == name


@pytest.mark.usefixtures("own_folder")
def test_packaged_profiles_name_their_source_and_agree_with_themselves() -> None:
    for each in profiles():
        cores = sorted(core for cluster in each.clusters for core in cluster.cores)
        assert cores == list(range(len(cores))), each.name
        assert each.source and each.unverified == bool(each.clusters)
        if each.clusters:
            assert int(each.big_mask or "0", 16) == sum(1 << n for n in each.clusters[-1].cores)


def test_the_closest_match_wins_and_the_users_own_before_the_packaged() -> None:
    known = [
        profile("any", Match()),
        profile("abi", Match(abi=("arm64*",))),
        profile("soc", Match(soc=("*tensor*",))),
        profile("mine", Match(model=("pixel*",))),
        profile("packaged", Match(model=("Pixel 8",))),
        profile("other", Match(model=("Pixel 8",), soc=("QTI*",))),
    ]

    def chosen(model: str, soc: str | None, *abis: str) -> str:
        return choose(known, model=model, soc=soc, abis=abis).name

    assert chosen("Pixel 8", "Google Tensor G3", "arm64-v8a") == "mine"
    assert chosen("X", "Google Tensor G3", "arm64-v8a") == "soc"
    assert chosen("X", "QTI SM8650", "x86", "arm64-v8a") == "abi"
    assert chosen("X", None) == "any"
    with pytest.raises(ConfigurationError, match="no device profile fits 'X'"):
        choose(known[3:], model="X", soc=None, abis=())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name: a\nsource: b\ncooldwn: {}", "did you mean 'cooldown'"),
        ("name: a\nsource: b\ncooldown: {max_tmp_c: 3}", "did you mean 'max_temp_c'"),
        ("name: a", "missing key source"),
        ("name: a\nsource: b\nbig_mask: 80", "big_mask: must be text"),
        ("name: a\nsource: b\nbig_mask: g", "not a hex mask"),
        ("name: a\nsource: b\nclusters: [{cores: []}]", "names no core"),
        ("name: a\nsource: b\ncooldown: {thermal_status: 7}", "not within 0 and 6"),
    ],
)
def test_a_wrong_key_of_ones_own_profile_is_named(
    text: str, complaint: str, own_folder: Path
) -> None:
    own_folder.mkdir()
    (own_folder / "mine.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        profiles()
    assert "mine.yaml" in caught.value.message


def test_a_captured_profile_is_found_again_and_never_written_over(own_folder: Path) -> None:
    facts = replace(FACTS, model="Phone [2]*")
    path = own_folder / "phone.yaml"
    save(path, capture_profile(facts, profile_of(facts, profiles())))
    found = profile_of(facts, profiles())
    assert found == config.load(path, Profile)
    assert (found.name, found.unverified) == ("Phone [2]*", False)
    assert complete_facts(facts, found).clusters == CLUSTERS
    assert profile_of(replace(facts, model="Phone 2x"), profiles()).name == "any phone"
    with pytest.raises(ConfigurationError, match="exists already"):
        save(path, found)


KNOWN = (CoreCluster(cores=(0, 1, 2)), CoreCluster(cores=(3, 4)))


@pytest.mark.parametrize(
    ("facts", "keys", "threads", "mask"),
    [
        (FACTS, {}, 1, "10"),
        (FACTS, {}, 2, "1c"),
        (FACTS, {}, 4, None),  # all usable cores
        (replace(FACTS, taskset=False), {}, 1, None),
        (replace(FACTS, allowed_cores=(0, 1, 2)), {}, 1, "4"),
        (FACTS, {"clusters": KNOWN}, 1, "18"),
        (FACTS, {"clusters": KNOWN, "unverified": True}, 1, "10"),
        (FACTS, {"big_mask": "c"}, 2, "c"),
        (FACTS, {"big_mask": "c"}, 3, "1c"),  # too few cores for the threads
        (FACTS, {"big_mask": "c", "unverified": True}, 2, "1c"),
        (replace(FACTS, clusters=()), {}, 1, None),
        (replace(FACTS, clusters=()), {"clusters": KNOWN, "unverified": True}, 1, "18"),
        (replace(FACTS, clusters=()), {"big_mask": "c", "unverified": True}, 2, "c"),
    ],
)
def test_what_the_phone_tells_comes_before_an_unverified_profile_and_after_any_other(
    facts: Facts, keys: dict[str, Any], threads: int, mask: str | None
) -> None:
    assert affinity(facts, profile("p", Match(), **keys), threads) == mask
