"""The commands, a few to a file; each loads what it needs when it is called, so that `--help` waits for nothing."""
