"""Whether anybody still wants a pass: asked before it is worked on, and again while that goes on."""

from __future__ import annotations

from store.run import Run
from workers.errors import PassOver

__all__ = ["need_wanted"]


def need_wanted(run: Run, pass_number: int) -> None:
    """Make sure that a pass is to be worked on.

    Raises:
        PassOver: It was undone or cancelled, or a later pass has taken its place.
        RunNotFound: There is no such pass.
    """
    reason = run.over(pass_number)
    if reason is not None:
        raise PassOver(reason)
