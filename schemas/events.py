"""Events of GH Archive that say something of a discussion or a repository, and the repositories
that they are about."""

import pyarrow as pa

from schemas.columns import column
from schemas.documents import DOCUMENT_COLUMNS

TIME = pa.timestamp("us", "UTC")

EVENTS = pa.schema(
    [
        *DOCUMENT_COLUMNS,
        column("type", pa.string(), "the event's type, as GitHub calls it", nullable=False),
        column("at", TIME, "when it happened", nullable=False),
        column("repo_id", pa.int64(), "GitHub's number of the repository", nullable=False),
        column("repo", pa.string(), "OWNER/REPO, as it was called then", nullable=False),
        column("number", pa.int64(), "of the issue or pull request; null: the event is of none"),
        column("is_pull", pa.bool_(), "whether that is a pull request"),
        column("title", pa.string(), "its title; null: not said"),
        column("body", pa.large_string(), "the text that opened it, where `text` is a comment"),
        column("author", pa.string(), "who opened it"),
        column("updated_at", TIME, "when title and body became what they are"),
        column("comment_id", pa.int64(), "GitHub's number of the comment, if it is one"),
        column("comment_on", pa.string(), "issue, review or review_comment; null: no comment"),
        column("comment_author", pa.string(), "who commented"),
        column("commented_at", TIME, "when"),
        column("comment_updated_at", TIME, "when the comment became what it is"),
        column("comment_path", pa.string(), "the file that the comment is about"),
        column("comment_deleted", pa.bool_(), "whether the event is that it was deleted"),
        column("repo_created_at", TIME, "creation of the repository; null: not said"),
        column("stars", pa.int64(), "its stars; null: not said"),
        column("forks", pa.int64(), "its forks; null: not said"),
        column("fork_id", pa.int64(), "of the repository that was forked from it"),
        column("fork", pa.string(), "OWNER/REPO of that"),
        column("fork_created_at", TIME, "creation of that"),
    ]
)
"""`text` is the comment, else the text that opened the discussion, else empty."""

NAME = pa.struct(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("first_seen", TIME, nullable=False),
        pa.field("last_seen", TIME, nullable=False),
    ]
)

REPOSITORIES = pa.schema(
    [
        column("repo_id", pa.int64(), "GitHub's number of the repository", nullable=False),
        column("repo", pa.string(), "OWNER/REPO, the latest", nullable=False),
        column("is_current", pa.bool_(), "whether no other took the name since", nullable=False),
        column("names", pa.list_(NAME), "all its names, by time", nullable=False),
        column("created_at", TIME, "creation time, if known"),
        column("stars", pa.int64(), "stars when they were last said, if ever"),
        column("forks", pa.int64(), "forks when they were last said, if ever"),
        column("n_stars_seen", pa.int64(), "stars given in the hours read", nullable=False),
        column("n_forks_seen", pa.int64(), "forks made in the hours read", nullable=False),
    ]
)
