"""The commands, a few per file. Each imports what it needs when it is called, so that `--help` starts at once."""
