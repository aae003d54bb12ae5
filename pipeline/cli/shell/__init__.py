"""What stands between the commands and a shell: arguments, completion, streams, exit codes."""
