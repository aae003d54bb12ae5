"""`sluice recall`: the command and what it prints."""
