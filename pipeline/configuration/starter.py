"""A first configuration to fill in: what to read and the few settings that most runs choose.

Only `inputs` is set. Everything else is a comment that may be uncommented as it stands, so that
what a file does not say keeps its default.
"""

from collections.abc import Iterable

from pipeline.configuration.registry import GITHUB, WEB

_HEAD = """\
# What `sluice run` reads and how it chooses. Fill in `inputs`, then:
#
#   sluice plan FILE
#   sluice run FILE
#
# Every setting, with its default: docs/settings.md. For an editor that checks and completes TOML:
# `sluice config schema > sluice.schema.json`, and `#:schema ./sluice.schema.json` as the first line
# here. Paths are relative to the working directory.

# run = "runs/first"                             # default: runs/ and this file's stem
# seed = 0                                       # of every random choice
"""

_GITHUB = """
[github]
# Globs of archives, git repositories or folders of either, Parquet or JSONL tables, URLs (https://,
# s3://). Archives are named OWNER__REPO.tar.gz.
inputs = ["inputs/github/*.tar.gz"]
# metadata = "inputs/github/repositories.jsonl"  # input, repo, revision, created_at, stars, license
# created_before = 2023-11-01                    # repositories created later are skipped
"""

_WEB = """
[web]
# Globs or URLs of WARC files. A crawl by name is fetched as it is read (docs/commoncrawl.md):
# "cc:CC-MAIN-2024-10?n=100&seed=0"
inputs = ["inputs/crawl/*.warc.gz"]

# [commoncrawl]
# contact = "crawl-questions@example.org"        # part of the User-Agent

# Which pages are wanted: a classifier for each target, learned from pages of which `url` and `html`
# or `text` are known. Without targets every page counts as natural language.

# [recall]
# negatives = ["inputs/seeds/negatives-*.jsonl.gz"]

# [recall.targets.code]
# seeds = ["inputs/seeds/code-*.jsonl.gz"]

# [recall.targets.math]
# seeds = ["inputs/seeds/math-*.jsonl.gz"]
"""

_TAIL = """
# [dedup]
# threshold = 0.85                               # Jaccard similarity of near-duplicates

# [decontaminate]
# benchmarks = ["inputs/benchmarks"]             # folders of JSONL or Parquet, one file a set

# [emit]
# heldout_rate = 0.01                            # share of samples held out

# [engine]
# workers = 8                                    # default: one per core
"""

_SECTIONS = {GITHUB: _GITHUB, WEB: _WEB}


def starter(corpora: Iterable[str]) -> str:
    """The text of a configuration that reads these corpora."""
    return "".join((_HEAD, *(_SECTIONS[corpus] for corpus in corpora), _TAIL))
