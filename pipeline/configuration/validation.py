"""From a table to validated options, and from what is wrong with it to one clear sentence.

Values are checked as JSON in strict mode: `"0.8"` is no number and `1.0` no count, while arrays
become tuples and strings paths. A lone value where a list is expected stands for a list of one.
"""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.configuration.overrides import cut
from pipeline.storage.credentials import without_credentials
from stages.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)

_LIST_ERRORS = {"list_type", "tuple_type", "set_type", "frozen_set_type"}


def validate(
    model: type[Model], table: Mapping[str, Any], prefix: str, known: Sequence[str]
) -> Model:
    """The table as `model`. `prefix` is the table's dotted name, `known` all names that exist:
    what is wrong raises ConfigError naming field, value and the nearest valid name."""
    text = json.dumps(table, default=str)
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        problems = error.errors()
    plain = json.loads(text)
    if all(map(_was_converted, problems)):
        try:
            return model.model_validate(plain)
        except ValidationError as error:
            problems = error.errors()
    elif _wrap_single_values(plain, problems):
        return validate(model, plain, prefix, known)
    raise ConfigError("\n".join(_explain(problem, prefix, known) for problem in problems))


class Problems:
    """What is wrong with a configuration, gathered so that one message names all of it."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def add(self, problem: str) -> None:
        """Note one."""
        self._found.append(problem)

    def validate(
        self, model: type[Model], table: Mapping[str, Any], prefix: str, known: Sequence[str]
    ) -> Model:
        """As `validate`; what is wrong is noted, and the defaults stand in for it."""
        try:
            return validate(model, table, prefix, known)
        except ConfigError as error:
            self.add(str(error))
            return model()

    def raise_all(self) -> None:
        """ConfigError with a line for each, if there are any."""
        if self._found:
            raise ConfigError("\n".join(self._found))

    def __len__(self) -> int:
        return len(self._found)


def unknown(name: str, value: Any, known: Iterable[str]) -> str:
    """The message for a name that does not exist, with the nearest one of its table that does."""
    suggestion = _nearest_setting(cut(name), list(known))
    hint = f"; did you mean `{suggestion}`?" if suggestion else ""
    return f"`{cut(name)}` (= {shown(value, name)}) is not a setting{hint}"


def _nearest_setting(name: str, known: Sequence[str]) -> str | None:
    """Of a table's key, another one of that table; of a name at the top, any that is like it."""
    table, _, leaf = name.rpartition(".")
    own = {other.rpartition(".")[2]: other for other in known if other.rpartition(".")[0] == table}
    if not table or not own:
        return nearest(name, known)
    close = difflib.get_close_matches(leaf, own, 1, 0.6)
    return own[close[0]] if close else None


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The valid name most like `name`: as a whole, else by its last part."""
    names = list(known)
    leaf = name.rpartition(".")[2]
    by_leaf = [other for other in names if other.rpartition(".")[2] == leaf]
    for candidates in (by_leaf, names):
        close = difflib.get_close_matches(name, candidates, 1, 0.6 if candidates is names else 0)
        if close:
            return close[0]
    leaves = {other.rpartition(".")[2]: other for other in reversed(names)}
    close = difflib.get_close_matches(leaf, leaves, 1, 0.7)
    return leaves[close[0]] if close else None


def shown(value: Any, name: str) -> str:
    """A setting's value as it would be written, cut to one short line and without secrets."""
    plain = without_credentials({name: value})[name]
    text = json.dumps(plain, ensure_ascii=False, default=str)
    return cut(text)


def _explain(problem: Any, prefix: str, known: Sequence[str]) -> str:
    name = ".".join([prefix, *map(str, problem["loc"])]).strip(".")
    if problem["type"] == "extra_forbidden":
        return unknown(name, problem["input"], known)
    expected = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if problem["type"] == "missing":
        return f"`{name}` is missing"
    if not problem["loc"]:
        return f"`{name}`: {expected}"
    if problem["type"] == "value_error":
        return f"`{name}` = {shown(problem['input'], name)}: {expected}"
    return f"`{name}` must be {expected}, not {shown(problem['input'], name)}"


def _was_converted(problem: Any) -> bool:
    """Whether only a model's own validator stands in the way: it hands strict mode a Python list
    where JSON's array was wanted as a tuple."""
    return problem["type"] in _LIST_ERRORS and isinstance(problem["input"], list)


def _wrap_single_values(table: dict[str, Any], problems: Iterable[Any]) -> bool:
    """Put single values where lists are wanted into lists; false if there were none."""
    wrapped = False
    for problem in problems:
        if problem["type"] not in _LIST_ERRORS or isinstance(problem["input"], dict | list):
            continue
        *parents, last = problem["loc"]
        holder: Any = table
        for part in parents:
            holder = holder.get(part) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and isinstance(holder.get(str(last)), str):
            holder[str(last)] = [holder[str(last)]]
            wrapped = True
    return wrapped
