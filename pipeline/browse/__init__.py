"""`sluice browse`: kept and dropped documents to look at, and judgements on their verdicts."""
