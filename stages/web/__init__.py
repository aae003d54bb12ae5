"""Pages of a crawl: WARC files, and lists of pages, become documents."""
