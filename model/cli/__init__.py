"""The command line `reid`: train, measure and inspect the network that distinguishes characters."""

from model.cli.main import app, main

__all__ = ["app", "main"]
