"""The embedded default's web side: a crawl made from the documentation that is installed."""
