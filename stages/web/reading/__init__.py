"""From a stored file to raw records: WARC and ARC, members and frames, HTTP, rows of tables."""
