"""What a person may name on a command line: a weights file, or a network that was fetched. Imports nothing at once."""

from __future__ import annotations

from pathlib import Path

__all__ = ["named_weights"]


def named_weights(text: str) -> Path:
    """The weights file of that path, or of the published network of that name.

    Raises:
        WeightsError: It is the name of a network that was not fetched, or is not what was fetched.
    """
    path = Path(text)
    if path.exists() or path.name != text or path.suffix:
        return path
    from model.errors import WeightsError
    from model.hub.catalogue import catalogue
    from model.hub.fetched import digest_in, fetched_path, records

    if text not in catalogue():
        return path
    entry, known = catalogue()[text], records().get(text)
    path = fetched_path(entry)
    if known is None or not path.exists():
        raise WeightsError(f"{text} is not on this machine; fetch it: reid weights fetch {text}")
    if digest_in(path, entry) != known.weights:
        raise WeightsError(f"{path}: not what was fetched on {known.date}; fetch it again: reid weights fetch {text}")
    return path
