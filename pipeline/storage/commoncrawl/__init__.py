"""Common Crawl by name: its bucket over HTTPS or S3, read politely, with nothing stored."""
