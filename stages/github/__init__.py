"""The GitHub source: repositories (archives, git, installed packages) become documents."""
