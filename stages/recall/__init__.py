"""Recalling the pages of each target from a crawl, and the good files from GitHub."""
