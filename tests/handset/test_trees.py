import os
import subprocess
from pathlib import Path

from bench.handset.running import Running, boot
from bench.handset.tree import Tree, remove_stale


def copied(tree: Tree, cache: Path) -> Path:
    """Returns a tree of another name that shares the files of ``tree``."""
    target = cache / f"tree-{os.urandom(6).hex()}"
    subprocess.run(["cp", "-a", "--reflink=auto", tree.path, target], check=True)
    return target


def test_a_tree_goes_when_nothing_names_it_and_no_handset_stands_on_it(
    phone_tree: Tree, handset: Running, registry: Path, tmp_path: Path
) -> None:
    named, stood_on, stale = (copied(phone_tree, tmp_path) for _ in range(3))
    (tmp_path / "tree-0123456789ab.json").write_text(f'{{"folder": "{named.name}"}}')
    assert handset.is_alive()  # where none can boot, this is skipped with it
    tree = Tree(path=stood_on, packages=(), abi=phone_tree.abi)
    phone = boot(tree, name="on-a-copy", cache=registry)
    remove_stale(tmp_path)
    assert (named.is_dir(), stood_on.is_dir(), stale.is_dir()) == (True, True, False)
    phone.stop()
    remove_stale(tmp_path)
    assert (named.is_dir(), stood_on.is_dir()) == (True, False)


def test_a_borrowed_tree_is_left_alone(phone_tree: Tree, tmp_path: Path) -> None:
    (tmp_path / "tree-0123456789ab").symlink_to(phone_tree.path)
    remove_stale(tmp_path)
    assert (tmp_path / "tree-0123456789ab" / "init").is_file()
