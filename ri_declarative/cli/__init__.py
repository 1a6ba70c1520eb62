"""The command line: one module per command, printing and exit codes. Nothing below imports it."""
