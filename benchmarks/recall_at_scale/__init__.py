"""Parts of `benchmarks/recall_scale.py`: its crawl, and what measures its steps."""
