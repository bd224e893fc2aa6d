"""The command line `reid`: train, measure and inspect the network that tells characters apart."""

from model.cli.main import app, main

__all__ = ["app", "main"]
