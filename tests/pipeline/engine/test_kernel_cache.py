"""Where compiled kernels are kept: what lies there is unpickled, so it must be nobody else's."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.engine.kernel_cache import VARIABLE, ensure_kernel_cache, kernel_cache
from pipeline.engine.ray.executor import runtime_environment

ROOT = Path(__file__).resolve().parents[3]
OTHER_USER = 12345


@pytest.fixture
def guessable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that everybody can tell beforehand, in a temporary directory of this test's."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"sluice-numba-{os.geteuid()}"


def is_private(folder: Path) -> bool:
    status = folder.lstat()
    return status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) == 0o700


def test_processes_share_one_folder_that_is_theirs_alone(guessable: Path) -> None:
    """Whatever the umask: made once, found again."""
    before = os.umask(0)
    try:
        assert kernel_cache() == guessable
    finally:
        os.umask(before)
    assert is_private(guessable)
    assert kernel_cache() == guessable


def test_an_own_folder_that_others_may_read_is_closed_and_kept(guessable: Path) -> None:
    """Nobody else could have put anything there."""
    guessable.mkdir(mode=0o755)
    (guessable / "kernel.nbc").write_bytes(b"compiled")
    assert kernel_cache() == guessable
    assert is_private(guessable)
    assert (guessable / "kernel.nbc").read_bytes() == b"compiled"


def linked(folder: Path) -> None:
    """A link to a folder that would be good enough by itself."""
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    folder.symlink_to(elsewhere)


def dangling(folder: Path) -> None:
    folder.symlink_to(folder.parent / "nowhere")


def writable_to_all(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


def writable_to_the_group(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o770)


def a_file(folder: Path) -> None:
    folder.write_bytes(b"")
    folder.chmod(0o700)


def of_another_user(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    folder.mkdir(mode=0o700)
    os.chown(folder, OTHER_USER, OTHER_USER)


@pytest.mark.parametrize(
    "prepare",
    [linked, dangling, writable_to_all, writable_to_the_group, a_file, of_another_user],
)
def test_what_somebody_else_may_have_prepared_is_not_used(
    prepare: Callable[[Path], None], guessable: Path
) -> None:
    """A fresh folder instead, with nothing in it; the other is left as it was."""
    prepare(guessable)
    before = guessable.lstat()
    folder = kernel_cache()
    assert folder != guessable
    assert folder.resolve() == folder
    assert is_private(folder)
    assert list(folder.iterdir()) == []
    after = guessable.lstat()
    assert (after.st_mode, after.st_uid, after.st_mtime) == (
        before.st_mode,
        before.st_uid,
        before.st_mtime,
    )


def numba_cache(hook: str, environment: dict[str, str]) -> tuple[str, bool]:
    """Where Numba keeps kernels in a process that ran the hook, and whether that was there."""
    module, _, function = hook.rpartition(".")
    code = (
        f"import sys; from {module} import {function}; {function}()\n"
        "assert 'numba' not in sys.modules\n"
        "import numba, os; found = numba.config.CACHE_DIR\n"
        "print(found); print(os.path.isdir(found))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    folder, is_there = done.stdout.split()
    return folder, is_there == "True"


def test_a_worker_on_a_node_sets_it_before_numba_comes(guessable: Path, tmp_path: Path) -> None:
    """By what the cluster is told to run when a worker starts; a fresh folder ends with it."""
    hook = runtime_environment(str(tmp_path))["worker_process_setup_hook"]
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    environment["TMPDIR"] = str(tmp_path)
    assert numba_cache(hook, environment) == (str(guessable), True)
    guessable.chmod(0o777)
    folder, was_there = numba_cache(hook, environment)
    assert folder != str(guessable)
    assert was_there
    assert not Path(folder).exists()


def test_an_installation_and_a_home_that_are_read_only_are_enough(tmp_path: Path) -> None:
    """Numba finds no place by itself, and would end every command."""
    installed = tmp_path / "installed"
    for package in ("pipeline", "stages", "schemas"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, installed / package, ignore=ignored)
    for folder in [path for path in installed.rglob("*") if path.is_dir()]:
        (folder / "__pycache__").touch()  # root may write to any folder, but not into a file
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    environment |= {"HOME": "/dev/null/home", "TMPDIR": str(tmp_path)}
    environment |= {"PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("XDG_CACHE_HOME", None)
    code = "import stages.kernels.counting.text; print(stages.kernels.counting.text.__file__)"
    failed, done = (
        subprocess.run(
            [sys.executable, "-c", before + code],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        for before in (
            "",
            "from pipeline.engine import kernel_cache as k\nk.ensure_kernel_cache()\n",
        )
    )
    assert "no locator available" in failed.stderr
    assert done.stdout.startswith(str(installed)), done.stderr
    assert is_private(tmp_path / f"sluice-numba-{os.geteuid()}")


def test_a_place_of_numbas_own_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a checkout, or with a home, kernels are where they always were."""
    monkeypatch.delenv(VARIABLE, raising=False)
    ensure_kernel_cache()
    assert VARIABLE not in os.environ


def test_a_folder_that_the_user_names_is_taken(
    guessable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the driver's machine or on a node."""
    monkeypatch.setenv(VARIABLE, "/somewhere/else")
    shipped = runtime_environment(str(tmp_path))
    assert shipped["env_vars"][VARIABLE] == "/somewhere/else"
    folder, _ = numba_cache(shipped["worker_process_setup_hook"], dict(os.environ))
    assert folder == "/somewhere/else"
