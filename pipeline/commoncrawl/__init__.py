"""`sluice crawl commoncrawl`: records of a crawl, chosen by its columnar index."""
