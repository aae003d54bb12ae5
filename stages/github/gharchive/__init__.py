"""GH Archive: hourly files of GitHub's public events, read as discussions and repositories."""
