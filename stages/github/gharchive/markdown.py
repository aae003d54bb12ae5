"""A discussion as Markdown: the title as heading, the text that opened it, the comments by time.

No person is named: who speaks is the author of the discussion or another, and so are those of them
whom a text addresses (`@name`). Other names stay, since `@Override` and `@types/node` look alike.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

AUTHOR, OTHER = "author", "other"

_RULE = "\n\n---\n\n"
_MENTION = re.compile(r"(?<![\w.@/`-])@([A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))(?![\w/-])")


def discussion_text(
    title: str | None, body: str, author: str | None, comments: Iterable[Mapping[str, Any]]
) -> str:
    """The document of a discussion. A comment has `text`, `author` and `path` (of the file that it
    is about, or null)."""
    comments = list(comments)
    roles = {one["author"]: OTHER for one in comments if one["author"] is not None}
    if author is not None:
        roles[author] = AUTHOR
    opening = [f"# {' '.join(title.split())}"] if title else []
    opening += [body.strip()] if body.strip() else []
    parts = ["\n\n".join(opening)] if opening else []
    parts += [f"{_heading(one, roles)}\n\n{one['text'].strip()}" for one in comments]
    return _without_names(_RULE.join(parts), roles) + "\n"


def _heading(comment: Mapping[str, Any], roles: Mapping[str, str]) -> str:
    role = roles.get(comment["author"], OTHER).capitalize()
    path = comment["path"]
    return f"**{role}**, on `{path}`:" if path else f"**{role}**:"


def _without_names(text: str, roles: Mapping[str, str]) -> str:
    def role(match: re.Match[str]) -> str:
        found = roles.get(match[1].lower())
        return match[0] if found is None else f"@{found}"

    return _MENTION.sub(role, text)
