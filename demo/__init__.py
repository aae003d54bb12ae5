"""The embedded default's web side: a crawl made from documentation that is installed. It is no part
of the engine: `make stages` calls it, no run imports it and no wheel carries it."""
