"""The evaluation's problems: HumanEval in eight languages and MBPP, from their JSON lines.

A folder holds `humaneval-LANGUAGE.jsonl` (fields `task_id, prompt, test, stop_tokens`, the Python
set also `canonical_solution`) and `mbpp.jsonl` (`task_id, text, code, test_list, test_setup_code`),
as DeepSeek-Coder's repository keeps them under `Evaluation/`. Prompts, stop tokens and the layout
of a program are those of its evaluation of base models: the prompt without white space at its ends,
the completion on a new line after it, three shots for MBPP.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.ablation.evaluation.languages import Language, languages
from stages.errors import InputError

MBPP = "mbpp"
MBPP_FILE = "mbpp.jsonl"
# Austin et al. 2021 (2108.07732), section 3.1: tasks 2, 3, 4 prompt, tasks 11 to 510 test.
MBPP_SHOTS = (2, 3, 4)
MBPP_TESTS = range(11, 511)
MBPP_STOP = ("[DONE]",)


@dataclass(frozen=True)
class Problem:
    """One task of one set: what a model reads, and the program around what it writes."""

    set: str
    """`humaneval-LANGUAGE` or `mbpp`."""
    task_id: str
    language: str
    """A key of the table of languages."""
    prompt: str
    """What the model completes."""
    stop: tuple[str, ...]
    """A completion ends before the first of these strings."""
    before: str
    """The program before the completion."""
    tests: str
    """The program after the completion."""
    solution: str | None = None
    """The set's own completion, if it has one."""

    def truncate(self, completion: str) -> str:
        """The completion up to the first stop string."""
        found = [at for at in (completion.find(stop) for stop in self.stop) if at >= 0]
        return completion[: min(found)] if found else completion

    def program(self, completion: str, marker: str) -> str:
        """The whole program; it prints `marker` after the last test."""
        tests = languages()[self.language].finished(self.tests, marker)
        body = self.truncate(completion)
        if not self.before:  # it is the whole program; a blank before `def` would be an indent
            body = body.strip()
        return f"{self.before}\n{body}\n{tests}"


def set_names() -> dict[str, str]:
    """Every set this module reads → its heading in a table, in the table's order."""
    humaneval = {f"humaneval-{key}": language.name for key, language in languages().items()}
    return {**humaneval, MBPP: "MBPP"}


def load_problems(folder: Path, sets: tuple[str, ...] | None = None) -> list[Problem]:
    """The problems of a folder's sets, in the order of `set_names` and of the files.

    Without `sets`, every known set that the folder has; other files are left alone. Raises
    InputError for a missing set, and for a line that is not as the format says, naming file, line
    and field.
    """
    wanted = set_names() if sets is None else sets
    problems: list[Problem] = []
    for name in wanted:
        path = folder / f"{name}.jsonl"
        if name not in set_names():
            raise InputError(f"{name}: no such set; there are {', '.join(set_names())}")
        if path.exists():
            problems += _mbpp(path) if name == MBPP else _humaneval(path)
        elif sets is not None:
            raise InputError(f"{path}: the set {name} is not in the folder")
    seen: set[tuple[str, str]] = set()
    for problem in problems:
        if (problem.set, problem.task_id) in seen:
            raise InputError(f"{folder}/{problem.set}.jsonl: two tasks {problem.task_id!r}")
        seen.add((problem.set, problem.task_id))
    if not problems:
        names = ", ".join(f"{name}.jsonl" for name in set_names())
        raise InputError(f"{folder}: no problems; expected one or more of {names}")
    return problems


def _humaneval(path: Path) -> list[Problem]:
    language = languages()[path.stem.removeprefix("humaneval-")]
    before = "".join(f"{line}\n" for line in language.before)
    return [
        Problem(
            set=path.stem,
            task_id=record.text("task_id"),
            language=language.key,
            prompt=record.text("prompt").strip(),
            stop=_stop(record, language),
            before=before + record.text("prompt"),
            tests=_tests(record, language),
            solution=record.text("canonical_solution", ""),
        )
        for record in _records(path)
    ]


def _stop(record: "_Record", language: Language) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*record.texts("stop_tokens", ()), *language.stop)))


def _tests(record: "_Record", language: Language) -> str:
    tests = record.text("test")
    if tests.count("}") < language.closing_braces:
        raise record.error("test", f"the tests do not close a {language.name} program")
    return tests


def _mbpp(path: Path) -> list[Problem]:
    records: dict[int, _Record] = {}
    for record in _records(path):
        task = record.number("task_id")
        if task in records:
            raise record.error("task_id", f"{task} stands twice")
        records[task] = record
    missing = [task for task in MBPP_SHOTS if task not in records]
    if missing:
        raise InputError(f"{path}: the tasks {missing}, which every prompt shows, are missing")
    shots = "".join(_shot(records[task]) for task in MBPP_SHOTS)
    return [
        Problem(
            set=MBPP,
            task_id=str(task),
            language="python",
            prompt=f"{shots}{_task(record)}[BEGIN]",
            stop=MBPP_STOP,
            before="",
            tests="\n".join((record.text("test_setup_code", ""), *record.texts("test_list"))),
            solution=record.text("code"),
        )
        for task, record in records.items()
        if task in MBPP_TESTS
    ]


def _shot(record: "_Record") -> str:
    code = record.text("code").replace("\r", "").replace("\t", "    ")
    return f"{_task(record)}[BEGIN]\n{code}\n[DONE]\n"


def _task(record: "_Record") -> str:
    tests = "\n".join(record.texts("test_list"))
    return (
        f"You are an expert Python programmer, and here is your task: {record.text('text')} "
        f"Your code should pass these tests:\n\n{tests}\n"
    )


@dataclass(frozen=True)
class _Record:
    """One line of a file, read field by field with errors that name all three."""

    path: Path
    line: int
    fields: dict[str, Any]

    def text(self, field: str, default: str | None = None) -> str:
        value = self.fields.get(field, default)
        if not isinstance(value, str):
            raise self.error(field, f"expected a string, got {_shown(value)}")
        return value

    def texts(self, field: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        value = self.fields.get(field, default)
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            raise self.error(field, f"expected a list of strings, got {_shown(value)}")
        return tuple(value)

    def number(self, field: str) -> int:
        value = self.fields.get(field)
        if not isinstance(value, int):
            raise self.error(field, f"expected a whole number, got {_shown(value)}")
        return value

    def error(self, field: str, problem: str) -> InputError:
        return InputError(f"{self.path}, line {self.line}, field {field}: {problem}")


def _records(path: Path) -> Iterator[_Record]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                fields = json.loads(line)
            except ValueError as error:  # bad JSON or bad UTF-8
                raise InputError(f"{path}, line {number}: not JSON: {error}") from error
            if not isinstance(fields, dict):
                raise InputError(f"{path}, line {number}: expected an object, got {_shown(fields)}")
            yield _Record(path, number, fields)


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(value)[:80]
