"""`sluice crawl`: the command, what it does, what it prints."""
