"""Starting and supervising child processes, and the exit codes they end with."""
