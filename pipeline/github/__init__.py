"""Repositories and files fetched from GitHub: `sluice crawl github`."""
