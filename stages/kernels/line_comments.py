"""A comment that fills one line, in any language: `seeds/comments.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class CommentSyntax:
    """What stands before and after the text of a comment that fills a line."""

    open: str
    close: str

    def line(self, text: str) -> str:
        """`text` as one comment line; what would end the comment early is pulled apart."""
        flat = " ".join(text.splitlines())
        closing = self.close.strip()
        if closing:
            flat = flat.replace(closing, " ".join(closing) if len(closing) > 1 else " ")
        return f"{self.open}{flat}{self.close}\n"


@dataclass(frozen=True)
class CommentTable:
    """Every language's syntax, and that of a language nobody listed."""

    by_language: Mapping[str, CommentSyntax]
    default: CommentSyntax


def comments_text() -> str:
    """The table as it is stored."""
    return files("seeds").joinpath("comments.toml").read_text("utf-8")


@cache
def comment_table() -> CommentTable:
    """The table, read once per process."""
    table = tomllib.loads(comments_text())
    by_language = {
        language: CommentSyntax(row["open"], row["close"])
        for row in table["comment"]
        for language in row["languages"]
    }
    return CommentTable(by_language, CommentSyntax(**table["default"]))
