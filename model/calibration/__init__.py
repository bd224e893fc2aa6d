"""A threshold from a person's own references, and references that look wrong."""
