"""What holds for the code as a whole: who imports whom, what is installed, what is in the files."""

import ast
import importlib
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

from pipeline.engine.ray.executor import SHIPPED

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pipeline", "stages", "schemas")
MAX_LINES = 350

ROOMS = (
    "storage",
    "local_page",
    "configuration",
    "commoncrawl",
    "github",
    "engine",
    "inspection",
    "recall",
    "report",
    "run",
    "notebook",
    "removal",
    "apply",
    "export",
    "tokenizer",
    "language",
    "annotate",
    "browse",
    "ablation",
    "cli",
)
"""The rooms of the pipeline and its faces `run` and `notebook`, lowest first: each imports lower
ones alone."""

LIBRARIES = (
    "datasketch",
    "fasttext",
    "pyarrow",
    "ray",
    "tokenizers",
    "warcio",
    "pygments",
    "xxhash",
)


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Every module a file imports, at its top or inside functions."""
    found: list[str] = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.append(str(node.module))
    return tuple(found)


def own_imports(package: str) -> Iterator[tuple[Path, str]]:
    for path in sources(package):
        for name in imports(path):
            if name.partition(".")[0] in (*PACKAGES, "demo", "tests", "benchmarks"):
                yield path.relative_to(ROOT), name


def test_schemas_import_schemas_alone() -> None:
    """The records know of nothing else."""
    wrong = [item for item in own_imports("schemas") if not item[1].startswith("schemas")]
    assert wrong == []


def test_stages_import_contract_kernels_and_schemas_alone() -> None:
    """Never the pipeline, never another stage."""
    shared = ("stages.contract", "stages.errors", "stages.kernels", "stages.regular_files")
    wrong = []
    for path, name in own_imports("stages"):
        folder = path.parts[1]
        mine = f"stages.{folder}"
        allowed = (
            name.startswith(("schemas", *shared)) or name == mine or name.startswith(f"{mine}.")
        )
        if not allowed or (folder == "kernels" and not name.startswith(("schemas", *shared))):
            wrong.append((str(path), name))
    assert wrong == []


def test_stages_know_neither_ray_nor_storage() -> None:
    """How a run happens is the pipeline's business."""
    banned = {"ray", "fsspec", "typer", "rich", "duckdb"}
    found = [
        (str(path.relative_to(ROOT)), name)
        for package in ("stages", "schemas")
        for path in sources(package)
        for name in imports(path)
        if name.partition(".")[0] in banned
    ]
    assert found == []


def test_the_pipeline_imports_no_tests_or_benchmarks() -> None:
    """What is installed stands alone."""
    wrong = [
        item for item in own_imports("pipeline") if item[1].startswith(("tests", "benchmarks"))
    ]
    assert wrong == []


def test_rooms_of_the_pipeline_import_lower_rooms_alone() -> None:
    """No circle of rooms: what a run is made of knows nothing of how it is looked at."""
    wrong = []
    for path, name in own_imports("pipeline"):
        mine, theirs = (PurePosixPath(path).with_suffix("").parts[1], name.split(".")[1:2])
        if mine in ("__init__", "__main__") or not name.startswith("pipeline.") or theirs == [mine]:
            continue
        if theirs[0] not in ROOMS or ROOMS.index(theirs[0]) > ROOMS.index(mine):
            wrong.append((str(path), name))
    assert wrong == []


def test_only_the_command_line_prints() -> None:
    """Everything else returns what it found, or tells the monitor."""
    rooms = [path for path in sources("pipeline") if path.relative_to(ROOT).parts[1] != "cli"]
    found = []
    for path in rooms:
        names = (node.id for node in ast.walk(_tree(path)) if isinstance(node, ast.Name))
        speaks = {name.partition(".")[0] for name in imports(path)} & {"rich", "typer"}
        if "print" in names or speaks:
            found.append(str(path.relative_to(ROOT)))
    assert found == []


def test_options_modules_are_light() -> None:
    """Reading a configuration imports no kernel, no Arrow kernel, no model."""
    heavy = {"pyarrow", "numpy", "numba", "selectolax", "resiliparse", "fastwarc", "tokenizers"}
    found = [
        (str(path.relative_to(ROOT)), name)
        for path in sources("stages")
        if path.name == "options.py"
        for name in imports(path)
        if name.partition(".")[0] in heavy or name.startswith("stages.kernels")
    ]
    assert found == []


@pytest.mark.parametrize("package", [*PACKAGES, "demo"])
def test_modules_are_short_and_say_what_they_do(package: str) -> None:
    """One idea each: a docstring first, no more than 350 lines."""
    for path in sources(package):
        text = path.read_text(encoding="utf-8")
        if path.name == "__init__.py" and not text:
            continue
        assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
        assert text.count("\n") <= MAX_LINES, f"{path} has {text.count(chr(10))} lines"


def test_nothing_has_a_name_that_says_nothing() -> None:
    """No utils, helpers, common or manager."""
    vague = {"utils", "helpers", "common", "misc", "manager", "managers"}
    found = [path for package in PACKAGES for path in sources(package) if path.stem in vague]
    assert found == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_runtime_dependencies_import(library: str) -> None:
    """A clean install has them all."""
    assert importlib.import_module(library)


def _pinned(name: str) -> set[str]:
    """The packages of a lock: no registry, no links, no folder of the machine it was made on."""
    lock = (ROOT / name).read_text()
    entries = [line for line in lock.splitlines() if line and line[0] not in " #-"]
    assert all(re.fullmatch(r"[a-z0-9._-]+==\S+( ; .+)? \\", line) for line in entries), entries
    assert lock.count("--hash=sha256:") >= len(entries)
    return {line.partition("==")[0] for line in entries}


def _required(names: list[str]) -> set[str]:
    return {re.split(r"[<>=\[]", name)[0] for name in names} - {"torch"}


def test_the_locks_pin_every_dependency_by_hash() -> None:
    """One what the demo runs on, the other what tests and ablations need besides."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lock, rest = _pinned("requirements.lock"), _pinned("requirements-dev.lock")
    run = _required([*project["dependencies"], *extras["demo"], "hatchling", "editables"])
    assert run - lock == set()
    assert _required([*extras["test"], *extras["ablation"]]) - lock - rest == set()
    assert not lock & rest


def test_the_demo_is_not_installed() -> None:
    """It is the first run's alone: nothing that a wheel or a worker gets imports it."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert "demo" not in wheel["targets"]["wheel"]["packages"]
    assert "demo" not in SHIPPED
    found = [
        item for package in PACKAGES for item in own_imports(package) if item[1].startswith("demo")
    ]
    assert found == []


def test_tracked_files_name_no_machine_and_no_registry() -> None:
    """A checkout works anywhere."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    checkout = re.escape(str(ROOT))
    home = re.escape(str(Path.home()))
    registry = "|".join(
        ("pythonhosted" + r"\.org", r"pypi\.org/" + "simple", "--find" + "-links [^-]")
    )
    pattern = re.compile(
        rf"{checkout}\b|(?<![\w.~-]){home}/|{registry}|--(?:extra-)?index" + "-url"
    )
    found = []
    for name in listed.stdout.split("\0"):
        path = ROOT / name
        if name and path.is_file():
            text = path.read_bytes().decode("utf-8", "replace")
            found += [f"{name}: {match[0]}" for match in pattern.finditer(text)]
    assert found == []
