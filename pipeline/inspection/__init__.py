"""Looking at a run: SQL over its tables, one document's life, and what each stage counted."""
