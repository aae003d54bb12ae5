"""Why an object is stale: what of its components is no longer what its receipt says, in words.

An option is named with its old and its new value, a library with its versions, an input by its
name. What only follows from other steps is said so that `follows` can tell it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipeline.storage.credentials import without_credentials

PENDING = "pending"
NEVER = "never made"
OTHERWISE = "it was made of other records"
_FOLLOWING = {f"{name} changed" for name in ("source", "sources", "records", "partitions")}
_UPSTREAM = " is to be made"
_HASH = re.compile(r"[0-9a-f]{16,}")
_STANDS = re.compile(r"iteration \d+ → \d+")
"""Which iteration of recall counts is no choice of the user's; a plan cannot tell before the models
are made."""
MAX_VALUE = 60
MAX_INPUTS = 3


def differences(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[str]:
    """A reason for each component that differs."""
    found: list[str] = []
    for key in sorted(set(new) | set(old)):
        if new.get(key) == PENDING:
            found.append(f"{key}{_UPSTREAM}")
        elif new.get(key) != old.get(key):
            found += _explained(key, new.get(key), old.get(key))
    if any(reason.endswith(_UPSTREAM) for reason in found):
        return [reason for reason in found if not _STANDS.fullmatch(reason)]
    return found


def changed_settings(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, list[str]]:
    """Stage (`web.dedup`, `emit`) → the settings of its own that differ between two configurations
    as `Config.resolved` gives them."""
    before = dict(_tables(old))
    found = {
        name: list(_explained(name, table, before.get(name, {}))) for name, table in _tables(new)
    }
    return {name: reasons for name, reasons in found.items() if reasons}


def _tables(resolved: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, table in resolved.items():
        if isinstance(table, Mapping):
            yield f"{prefix}{name}", table
            if not prefix:
                yield from _tables(table, f"{name}.")


def follows(reason: str) -> bool:
    """Whether a reason only says that something else is made anew, first."""
    return reason in _FOLLOWING or reason == NEVER or reason.endswith(_UPSTREAM)


def upstream(reason: str) -> str | None:
    """The column of another stage that a reason waits for."""
    name = reason.removesuffix(_UPSTREAM)
    return name if name != reason and name.count(".") > 1 else None


def _explained(key: str, new: Any, old: Any) -> Iterable[str]:
    if key.count(".") > 1 and None in {new, old}:
        return [f"reads {key} {'now' if old is None else 'no longer'}"]
    if key == "inputs" and isinstance(new, list) and isinstance(old, list):
        return _inputs(dict(new), dict(old))
    if isinstance(new, Mapping) and isinstance(old, Mapping):
        before, after = dict(_flat(old)), dict(_flat(new))
        names = [n for n in sorted({*before, *after}) if before.get(n) != after.get(n)]
        return [_change(name, before.get(name), after.get(name)) for name in names]
    if isinstance(new, int) and isinstance(old, int):
        return [_change(key, old, new)]
    return [f"{key} changed"]


def _change(name: str, old: Any, new: Any) -> str:
    if _is_content(old) or _is_content(new):
        return f"{name} changed" if _is_content(new) else f"{name}{_UPSTREAM}"
    plain = without_credentials({"old": old, "new": new})
    return f"{name} {_shown(plain['old'])} → {_shown(plain['new'])}"


def _is_content(value: Any) -> bool:
    """Whether only hashes are known of it: an artefact, empty while it is to be made."""
    if isinstance(value, list) and value:
        return all(map(_is_content, value))
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _shown(value: Any) -> str:
    text = "none" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and value of what lies in a table and its tables."""
    for name, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _inputs(new: Mapping[str, str], old: Mapping[str, str]) -> list[str]:
    added = [f"input {name} is new" for name in new if name not in old]
    gone = [f"input {name} leaves" for name in old if name not in new]
    changed = [f"input {name} changed" for name in new if old.get(name, new[name]) != new[name]]
    found = [*added, *gone, *changed] or ["the order of inputs changed"]
    more = len(found) - MAX_INPUTS
    return [*found[:MAX_INPUTS], *([f"{more:,} more inputs"] if more > 0 else [])]
