"""Where a corpus's documents say that they lie, and what speaks for them besides their words.

The loop knows pages: `domain` is what is held out together and has one tree of patterns, `url`
holds the directories, `MARKUP` the evidence. On the web these are columns of the documents. On
GitHub the domain is the repository, and the URL `github://OWNER:REPO/PATH`: the repository takes
the place of the host, so its patterns read `OWNER:REPO/src/core/`. Source files alone are judged
there; the words of code have no markup beside them.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.recall.classifier.evidence import MARKUP

COLUMNS = {
    "web": ("domain", "url", *MARKUP),
    "github": ("kind", "repo", "path"),
}
JUDGED_KIND = "source"


@dataclass(frozen=True)
class Places:
    """The columns of one corpus."""

    corpus: str

    @property
    def columns(self) -> tuple[str, ...]:
        """What `pages` needs of the documents table."""
        return COLUMNS[self.corpus]

    def pages(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The documents that can be recalled, with `domain`, `url` and the columns of `MARKUP`."""
        if self.corpus == "web":
            return batch
        files = batch.filter(pc.equal(batch.column("kind"), JUDGED_KIND))
        none = pa.array(np.zeros(len(files), np.int64))
        added = {
            "domain": files.column("repo"),
            "url": file_urls(files.column("repo"), files.column("path")),
            **dict.fromkeys(MARKUP, none),
        }
        for name, column in added.items():
            files = files.append_column(name, column)
        return files


WEB, GITHUB = Places("web"), Places("github")


def file_urls(repos: pa.Array, paths: pa.Array) -> pa.Array:
    """`github://OWNER:REPO/PATH`; what would end a path in a URL is escaped."""
    for mark, escape in (("%", "%25"), ("?", "%3F"), ("#", "%23")):
        paths = pc.replace_substring(paths, mark, escape)
    hosts = pc.replace_substring(repos, "/", ":")
    hosts = pc.binary_join_element_wise("github://", hosts, "")
    return pc.binary_join_element_wise(hosts, paths, "/")
