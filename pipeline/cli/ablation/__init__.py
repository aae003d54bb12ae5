"""`sluice ablate`: the command, what it does, what it prints."""
