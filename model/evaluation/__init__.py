"""Measurement of a network on characters that it has never seen."""
