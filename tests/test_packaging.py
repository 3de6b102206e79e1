import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", str(folder), str(ROOT)],
        check=True, env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    (made,) = folder.glob("*.whl")
    return made


def test_the_wheel_holds_the_packages_with_their_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    (metadata,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {"bench", "models", "reports", "device_profiles", metadata}
    for package in ("bench", "models", "reports"):
        for path in (ROOT / package).rglob("*"):
            if (
                path.suffix in (".py", ".yaml", ".html", ".css", ".npz")
                and "__pycache__" not in path.parts
            ):
                assert str(path.relative_to(ROOT)) in names
    for path in (ROOT / "bench/handset/gallery").rglob("*"):
        assert path.is_dir() or str(path.relative_to(ROOT)) in names


def test_the_installed_command_works_in_a_folder_with_a_models_of_its_own(
    wheel: Path, tmp_path: Path
) -> None:
    target = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    work = tmp_path / "work"
    (work / "models").mkdir(parents=True)
    (work / "models" / "__init__.py").write_text("raise ImportError('the wrong models')\n")
    done = subprocess.run(
        [sys.executable, "-P", "-c",
         "import bench, sys; print(bench.__file__, file=sys.stderr); "
         "from bench.cli.main import main; sys.exit(main(['zoo', 'show', 'frill', '--json']))"],
        cwd=work, env={**os.environ, "PYTHONPATH": str(target)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert str(target) in done.stderr
    assert json.loads(done.stdout)["parameters"] == 10_119_632
