"""Repositories in the place of documents: `dedup.unit = "repository"`."""
