"""What happens to records: one folder per stage. Never imports Ray, storage or another stage."""
