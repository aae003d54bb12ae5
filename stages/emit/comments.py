"""The comment that begins every file of a repository and names its path.

A model learns from it where a file stands in its repository (DeepSeek-Coder section 2.2).
"""

import xxhash

from stages.kernels.line_comments import comment_table, comments_text


def path_comment(path: str, language: str | None) -> str:
    """The line that precedes the text of the file at `path`."""
    table = comment_table()
    return table.by_language.get(language or "", table.default).line(path)


def comments_hash() -> str:
    """Identity of the table, for fingerprints."""
    return xxhash.xxh3_128_hexdigest(comments_text().encode())
