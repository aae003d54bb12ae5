"""`sluice apply`: one stage over a user's own table."""
