"""The documents tables: written once by a source, read by every later stage."""

import pyarrow as pa

from schemas.columns import DOC_ID, POWERS_OF_TWO, column

KINDS = ("source", "markdown", "issue", "page")

DOCUMENT_COLUMNS = [
    column("doc_id", DOC_ID, "xxh3_128 of the origin, big-endian", nullable=False),
    column("uri", pa.string(), "where the document is from, for people", nullable=False),
    column("kind", pa.string(), "one of source, markdown, issue, page", nullable=False),
    column("text", pa.large_string(), "the document's text", nullable=False),
    column(
        "n_bytes",
        pa.int64(),
        "length of the text in UTF-8 bytes",
        nullable=False,
        histogram=POWERS_OF_TWO,
    ),
]

GITHUB_DOCUMENTS = pa.schema(
    [
        *DOCUMENT_COLUMNS,
        column("repo", pa.string(), "OWNER/REPO", nullable=False),
        column("path", pa.string(), "path inside the repository", nullable=False),
        column("revision", pa.string(), "git commit, or a content hash", nullable=False),
        column("repo_created_at", pa.timestamp("us", "UTC"), "creation time, if known"),
        column("stars", pa.int64(), "star count, if known"),
        column("license", pa.string(), "SPDX expression of the file or its repository, if known"),
        column("is_vendor", pa.bool_(), "what a dump says of the file: vendored or not"),
        column(
            "encoding",
            pa.string(),
            "how the bytes were decoded: a codec's name, +cut if a character was cut at the end, "
            "+replaced if bad bytes became U+FFFD",
        ),
    ]
)

WEB_DOCUMENTS = pa.schema(
    [
        *DOCUMENT_COLUMNS,
        column("url", pa.string(), "normalised URL", nullable=False),
        column("host", pa.string(), "host of the URL", nullable=False),
        column("domain", pa.string(), "registrable domain (public-suffix list)", nullable=False),
        column("title", pa.string(), "content of <title>"),
        column("natural_language", pa.string(), "ISO 639-1 code, detected"),
        column("crawled_at", pa.timestamp("us", "UTC"), "WARC-Date"),
        column("http_charset", pa.string(), "charset of the Content-Type header"),
        column(
            "n_code_blocks",
            pa.int32(),
            "code blocks kept verbatim",
            nullable=False,
            histogram=POWERS_OF_TWO,
        ),
        column(
            "n_formulas",
            pa.int32(),
            "formulas kept as LaTeX",
            nullable=False,
            histogram=POWERS_OF_TWO,
        ),
        column("warc", pa.string(), "base name of the WARC file", nullable=False),
        column("warc_offset", pa.int64(), "first byte of the compressed record", nullable=False),
        column("warc_length", pa.int64(), "compressed length in bytes", nullable=False),
        column("truncated", pa.bool_(), "whether the crawler cut the page; null for a row"),
        column(
            "code_languages",
            pa.list_(pa.string()),
            "languages of the code blocks, of the 338, in order of appearance",
            nullable=False,
        ),
        column(
            "n_code_bytes",
            pa.int32(),
            "bytes of the lines in code blocks",
            nullable=False,
            histogram=POWERS_OF_TWO,
        ),
        column(
            "n_code_spans",
            pa.int32(),
            "code spans in running text",
            nullable=False,
            histogram=POWERS_OF_TWO,
        ),
        column(
            "n_expressions",
            pa.int32(),
            "formulas of more than a name, a number or `O(n)`",
            nullable=False,
            histogram=POWERS_OF_TWO,
        ),
    ]
)
