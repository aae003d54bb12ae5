"""The comment that begins every file of a repository and names its path.

A model learns from it where a file stands in its repository (DeepSeek-Coder section 2.2). How a
language writes comments is data: `seeds/comments.toml`.
"""

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import xxhash


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


def path_comment(path: str, language: str | None) -> str:
    """The line that precedes the text of the file at `path`."""
    by_language, default = _syntaxes()
    return by_language.get(language or "", default).line(path)


def comments_hash() -> str:
    """Identity of the table, for fingerprints."""
    return xxhash.xxh3_128_hexdigest(_table().encode())


def _table() -> str:
    return files("seeds").joinpath("comments.toml").read_text("utf-8")


@lru_cache(maxsize=1)
def _syntaxes() -> tuple[dict[str, CommentSyntax], CommentSyntax]:
    table = tomllib.loads(_table())
    by_language = {
        language: CommentSyntax(row["open"], row["close"])
        for row in table["comment"]
        for language in row["languages"]
    }
    return by_language, CommentSyntax(table["default"]["open"], table["default"]["close"])
