"""`golden.json`: what each step of each stage wrote when its `version` last changed, and what a
difference from it means.

Receipts trust `version`: an object whose stage, options and input are the same is not made again.
So a change of what a stage writes without another version leaves runs that mix old and new bytes.
"""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("golden.json")
REGENERATE = "python -m tests.golden.regenerate"
TOLERANCE = 1e-3
"""Of figures, relative to their root mean square. Without AVX2 and FMA none moves."""

Entry = Mapping[str, Any]
Table = Mapping[str, Any]


def read_table() -> Table:
    """The committed table."""
    table: Table = json.loads(PATH.read_text(encoding="utf-8"))
    return table


def write_table(table: Table) -> None:
    """Write another table: a line for each step, in the order in which they ran."""
    lines = (f"  {json.dumps(step)}: {json.dumps(row)}" for step, row in table["steps"].items())
    steps = ",\n".join(lines)
    libraries = json.dumps(table["libraries"], indent=2)
    text = f'{{"libraries": {libraries},\n"steps": {{\n{steps}\n}}}}\n'
    PATH.write_text(text, encoding="utf-8")


def differences(golden: Table, found: Table) -> list[str]:
    """What is wrong, a message for each step. Of stages that may only follow from one before, as
    what they read is another, the names alone."""
    before, now = golden["steps"], found["steps"]
    wrong: dict[str, list[str]] = {}
    for step in {**now, **before}:
        message = _difference(step, before.get(step), now.get(step))
        if message:
            wrong.setdefault(stage_of(step), []).append(message)
    order = list(dict.fromkeys(map(stage_of, {**now, **before})))
    stages = sorted(wrong, key=order.index)
    following = [
        stage for at, stage in enumerate(stages) if any(reads(stage, one) for one in stages[:at])
    ]
    messages = [message for stage in stages if stage not in following for message in wrong[stage]]
    if following:
        messages.append(f"what these stages read is another, and what they write: {following}")
    others = _other_libraries(golden["libraries"], found["libraries"])
    if messages and others:
        messages.append(f"other libraries than the table's are installed: {', '.join(others)}")
    return messages


def stage_of(step: str) -> str:
    """`web.dedup` of `web.dedup.decide.judge`, `emit.web` of `emit.web.write-samples`."""
    first, _, rest = step.partition(".")
    return first if first == "ablation" else f"{first}.{rest.partition('.')[0]}".rstrip(".")


def reads(stage: str, earlier: str) -> bool:
    """Whether what a stage writes may depend on an earlier one."""
    if stage in ("product", "ablation"):
        return True
    corpora = {"apply.recall": "web"}
    later, before = (
        corpora.get(one) or one.removeprefix("emit.").partition(".")[0] for one in (stage, earlier)
    )
    return earlier != "product" and later != "apply" and before in (later, "seeds")


def _difference(step: str, golden: Entry | None, found: Entry | None) -> str | None:
    if golden is None:
        return f"{step}: not in {PATH.name}; if the step is new, run `{REGENERATE}`"
    if found is None:
        return (
            f"{step}: in {PATH.name}, but the run has no such step; if it is gone or has another "
            f"name, run `{REGENERATE}`"
        )
    if golden["version"] != found["version"]:
        return (
            f"{step}: version {golden['version']} is now {found['version']}; "
            f"run `{REGENERATE}` and look at what changed"
        )
    changed = ", ".join(_changed(golden, found))
    if not changed:
        return None
    if found["version"] is None:
        return (
            f"{step}: {changed} changed; it is written anew by every run and has no version: "
            f"if that was meant, run `{REGENERATE}`"
        )
    return (
        f"{step}: what it writes changed ({changed}), its version is still {found['version']}; "
        f"if that was meant, raise the stage's `version` and run `{REGENERATE}`"
    )


def _changed(golden: Entry, found: Entry) -> Iterator[str]:
    """The names of the columns that are other ones."""
    if golden["rows"] != found["rows"]:
        yield f"{golden['rows']} rows are {found['rows']}"
    old, new = golden["columns"], found["columns"]
    yield from (name for name in {**old, **new} if old.get(name) != new.get(name))
    figures, others = golden.get("figures", {}), found.get("figures", {})
    for name in {**figures, **others}:
        if not are_close(figures.get(name), others.get(name)):
            yield f"figures of {name}"


def are_close(golden: list[float] | None, found: list[float] | None) -> bool:
    """Whether figures of floats are the same within the tolerance."""
    if golden is None or found is None or golden[0] != found[0]:
        return False
    scale = max(golden[2], 1e-9)
    return all(
        math.isclose(old, new, rel_tol=0, abs_tol=TOLERANCE * scale)
        for old, new in zip(golden[1:], found[1:], strict=True)
    )


def _other_libraries(golden: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    return [
        f"{name} {found.get(name)} for {golden.get(name)}"
        for name in sorted({*golden, *found})
        if golden.get(name) != found.get(name)
    ]
