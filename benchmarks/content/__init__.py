"""Learning which blocks of a page are content: `python -m benchmarks.content`; see README.md."""
