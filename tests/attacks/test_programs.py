"""No program out of a folder, a bundle or a zoo is run, unless the command line asks for it."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gate_phone import revision
from support.program import frill_bench

from bench.adb.staging import place_of
from bench.cli.main import main
from bench.core.hashing import sha256_file
from bench.flow.gate.bundle import load, official, save
from bench.plan.suite import zoo_targets

ROOT = Path(__file__).parents[2]
STAND_IN = ROOT / "tests" / "data" / "stand_in"
PACKAGES = ("bench", "models", "reports", "device_profiles")
GATE = ("gate", "--baseline", "old", "--candidate", "new", "--host", "--max-minutes", "0")
Shown = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns the current folder: both sides are bundles whose tools leave a mark when started."""
    for number, side in enumerate(("old", "new")):
        made = tmp_path / f"{side}-files"
        revision(made, "tiny", number=number)
        program = tmp_path / f"{side}-tool"
        shutil.copytree(STAND_IN, program)
        trap(program / "benchmark_model", tmp_path / f"{side}-ran")
        tool = program / "benchmark_model"
        save(tmp_path / side, zoo_targets(made), tool=official(tool), binary=tool)
        shutil.copy(STAND_IN / "usage.txt", tmp_path / side / "tool")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trap(tool: Path, mark: Path) -> None:
    first, rest = tool.read_text().split("\n", 1)
    tool.write_text(f"{first}\ntouch {mark}\n{rest}")
    tool.chmod(0o755)


def ran(here: Path) -> list[str]:
    return sorted(path.name for path in here.glob("*-ran"))


@pytest.mark.parametrize(
    "words",
    [
        GATE,
        (*GATE, "--measure-unchanged"),
        (*GATE[:3], "--candidate", "old", "--host"),
        ("gate", "--candidate", "new", "--save-baseline", "kept"),
        ("gate", "--candidate", "new", "--save-baseline", "kept", "--host"),
        ("calibrate", "--model", "new", "--host", "--minutes", "0"),
        ("run", "--zoo", "new", "--host", "--dry-run"),
        ("zoo", "list", "--zoo", "new"),
        ("history", "--anchor", "new"),
        ("gate", "--baseline", "old/bundle.json", "--candidate", "new/bundle.json", "--host",
         "--max-minutes", "0"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_tool_in_a_folder_is_a_file_and_not_run(here: Path, words: tuple[str, ...]) -> None:
    main(list(words))
    assert ran(here) == []


def test_a_candidates_tool_is_named_as_not_run_and_is_not_copied_into_a_baseline(
    here: Path, capsys: Shown
) -> None:
    assert main([*GATE]) == 0
    assert "the candidate brings a tool, which is not run" in capsys.readouterr().err
    assert main(["gate", "--candidate", "new", "--save-baseline", "kept"]) == 0
    assert "--benchmark-binary PATH saves one" in capsys.readouterr().err
    assert load(Path("kept")).tool is None
    assert not Path("kept/tool").exists()


def test_own_tools_runs_the_tool_of_the_baseline_alone(here: Path) -> None:
    assert main([*GATE, "--own-tools"]) == 2  # not the candidate's, so one must be given
    assert ran(here) == []
    main([*GATE, "--own-tools", "--benchmark-binary", str(STAND_IN / "benchmark_model")])
    assert ran(here) == ["old-ran"]


def test_a_path_on_the_command_line_is_run(here: Path) -> None:
    main([*GATE, "--benchmark-binary", "new/tool/benchmark_model"])
    assert ran(here) == ["new-ran"]


def test_a_suites_library_is_loaded_only_from_a_path_on_the_command_line(
    here: Path, capsys: Shown
) -> None:
    Path("suite.yaml").write_text(
        "name: theirs\nmodels: ['*']\ndelegates: [external]\nexternal_delegate: evil.so\n"
    )
    Path("evil.so").write_bytes(b"\x7fELF")
    assert main(["run", "suite.yaml", "--zoo", "new", "-s", "127.0.0.1:9", "--dry-run"]) == 2
    assert "--external-delegate PATH" in capsys.readouterr().err


def test_nothing_in_the_current_folder_is_imported_or_read_as_settings(tmp_path: Path) -> None:
    """A checkout of a stranger is often the current folder."""
    code = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    modules = "pip sitecustomize usercustomize models bench numpy yaml rich conftest evil"
    for name in modules.split():
        (tmp_path / f"{name}.py").write_text(code)
    (tmp_path / "matplotlibrc").write_text("backend: module://evil\n")
    (tmp_path / ".pth").write_text(f"import os; {code}")
    (tmp_path / "frill-bench.yaml").write_text("run: evil\n")
    (tmp_path / ".env").write_text("FRILL_BENCH_ZOO=evil\n")
    frill_bench("zoo", "list", "--zoo", "none", cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name", ["tool.$(reboot)", "a.;reboot", "a.`reboot`", "a.x y", "a.'b", "a.\nreboot", "a.|b"]
)
def test_a_files_ending_is_no_command_of_a_phones_shell(name: str) -> None:
    class Phone:
        folder = "/data/local/tmp/frill-bench"

    place = place_of(Phone(), Path(name), "ab" * 32)  # type: ignore[arg-type]  # its folder is used
    assert str(place) == f"{Phone.folder}/{'ab' * 32}"


def sources() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), path.read_text()


# What runs or loads code, and the only files that may use it, with how it is safe there.
DANGEROUS = {
    "eval": {}, "exec": {}, "compile": {}, "__import__": {}, "os.system": {}, "os.popen": {},
    "pickle.load": {}, "pickle.loads": {}, "marshal.loads": {}, "shelve.open": {},
    "ctypes.CDLL": {}, "torch.load": {}, "joblib.load": {},
    "keras.models.load_model": {"models/network/given.py": "safe_mode: no layer holds code"},
    "tf.keras.models.load_model": {}, "yaml.unsafe_load": {},
    "yaml.full_load": {}, "shutil.unpack_archive": {}, "tempfile.mktemp": {},
    "pickle.Unpickler": {"models/teachers/torch_file.py": "a subclass that knows three names"},
    "yaml.load_all": {"bench/core/config.py": "with a SafeLoader"},
    "yaml.load": {"bench/core/config.py": "with a SafeLoader"},
    "importlib.import_module": {"bench/cli/main.py": "one of our verbs"},
    "tf.saved_model.load": {
        "models/network/saved_model.py": "a teacher that the user names",
        "models/network/given.py": "a model that the user names",
    },
    "inner.extractall": {"models/audio/packages.py": "a pinned package; zipfile stays inside"},
    "archive.extractall": {},
}  # fmt: skip


def test_code_is_loaded_in_the_listed_places_only() -> None:
    found: dict[str, set[str]] = {name: set() for name in DANGEROUS}
    used = re.compile(r"(?<![\w.])(" + "|".join(map(re.escape, DANGEROUS)) + r")(?=[()])")
    for place, text in sources():
        for name in used.findall(text):
            found[name].add(place)
    assert found == {name: set(places) for name, places in DANGEROUS.items()}


def test_no_call_asks_for_a_shell_for_pickled_arrays_or_for_all_that_an_archive_holds() -> None:
    for place, text in sources():
        assert not re.search(r"\b(shell|allow_pickle|trust_remote_code)\s*=\s*True", text), place
        for arguments in re.findall(r"archive\.extract(?:all)?\(([^)]*)\)", text):
            assert 'filter="data"' in arguments, place


def test_our_own_processes_do_not_import_from_the_current_folder() -> None:
    counts = {
        place: (text.count("sys.executable"), text.count('sys.executable, "-P"'))
        for place, text in sources()
    }
    assert all(started == isolated for started, isolated in counts.values()), counts
    assert sum(started for started, _ in counts.values()) >= 3


def test_the_verdict_is_from_the_files_and_not_from_what_the_candidate_says_of_itself(
    here: Path, capsys: Shown
) -> None:
    """What its manifest claims decides nothing, and nor does any other file beside its models."""
    manifest = Path("new/tiny.float32.json")
    document = json.loads(manifest.read_text())
    grown = Path("new/tiny.float32.tflite")
    grown.write_bytes(grown.read_bytes() + bytes(400))
    document |= {"sha256": sha256_file(grown), "size_bytes": 1, "macs": 1, "parameters": 1}
    manifest.write_text(json.dumps(document))
    Path("new/bundle.json").unlink()
    for name in ("margin", "rule.json", "frill-bench.yaml"):
        Path("new", name).write_text("margin: 1000\n")
    for name in ("gates", "calibrations", "baseline"):
        Path("new", name).mkdir()
        Path("new", name, "a.json").write_text("{}")
    assert main([*GATE, "--json"]) == 1
    (size,) = json.loads(capsys.readouterr().out)["sizes"]
    assert (size["verdict"], size["candidate_bytes"]) == ("regressed", grown.stat().st_size)


@pytest.mark.parametrize("key", ["margin", "size_margin", "tolerance", "baseline", "undecided"])
def test_a_bundle_or_manifest_with_a_threshold_is_refused(
    here: Path, capsys: Shown, key: str
) -> None:
    for name in ("bundle.json", "tiny.float32.json"):
        path = Path("new", name)
        before = path.read_text()
        path.write_text(json.dumps({**json.loads(before), key: 0.5}))
        assert main([*GATE]) == 2
        assert f"unknown key {key}" in capsys.readouterr().err
        path.write_text(before)


def test_a_manifest_that_a_bundle_does_not_list_is_not_read(here: Path, capsys: Shown) -> None:
    document = json.loads(Path("old/bundle.json").read_text())
    document["files"][0] |= {"manifest": None, "name": "tiny.float32"}
    Path("old/bundle.json").write_text(json.dumps(document))
    other = json.loads(Path("old/tiny.float32.json").read_text())
    Path("old/tiny.float32.json").write_text(json.dumps({**other, "name": "another"}))
    main(["gate", "--baseline", "old", "--candidate", "new", "--host", "--max-minutes", "0"])
    assert "another" not in capsys.readouterr().err
