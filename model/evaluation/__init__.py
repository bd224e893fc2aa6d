"""Evaluation of a network on unseen characters."""
