"""Weights fitted in closed form to a person's own sorted folders."""
