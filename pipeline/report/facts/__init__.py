"""The figures of a report, section by section: what `stats`, receipts and DuckDB say of a run."""
