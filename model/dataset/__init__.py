"""Labelled pictures: where they lie, whom they show, and how they are split for training."""
