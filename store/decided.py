"""What all decisions of a person come to: for each picture what it shows, and what it does not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from store.user_decision import DecisionKind, Origin, UserDecision

__all__ = ["Decided", "DecidedPicture", "counting", "decided"]

Head = tuple[float, ...]
"""Left, top, right, bottom as fractions of the picture; empty for the whole picture."""


@dataclass
class DecidedPicture:
    """What was decided about one picture.

    Attributes:
        confirmed: The characters that it shows, in the order of the decisions, and by which head.
        rejected: Those that it does not show; with a head: that this head does not show.
        ignored: Nobody is to ask about it again.
        origin: How the last decision was made.
    """

    confirmed: dict[str, Head] = field(default_factory=dict)
    rejected: dict[str, set[Head]] = field(default_factory=dict)
    ignored: bool = False
    origin: Origin = Origin.COMMAND

    @property
    def empty(self) -> bool:
        """Whether nothing is left of the decisions."""
        return not (self.confirmed or self.rejected or self.ignored)


@dataclass
class Decided:
    """What was decided in all.

    Attributes:
        pictures: By the hexadecimal sha256 of their bytes.
        renamed: The new names of characters by their old ones.
        folders: The folders that a person made for characters: a path below the output by the character's name.
    """

    pictures: dict[str, DecidedPicture] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)

    @property
    def characters(self) -> list[str]:
        """All confirmed characters, sorted."""
        return sorted({name for picture in self.pictures.values() for name in picture.confirmed})

    def name(self, character: str) -> str:
        """The present name of a character."""
        return self.renamed.get(character, character)


def counting(decisions: Iterable[UserDecision]) -> list[UserDecision]:
    """The decisions that nobody has withdrawn, in their order."""
    decisions = list(decisions)
    withdrawn = {decision.withdraws for decision in decisions if decision.kind is DecisionKind.WITHDRAWN}
    return [one for one in decisions if one.kind is not DecisionKind.WITHDRAWN and one.id not in withdrawn]


def decided(decisions: Iterable[UserDecision]) -> Decided:
    """What decisions come to, given in the order of their times; of two about one thing the later counts.

    A confirmed character is no longer rejected, and the other way round, for the same head or for the whole picture. A
    decision about the whole picture takes the place of those about its heads. IGNORED takes the place of all others
    about the picture, and any later one takes its place.
    """
    result = Decided()
    for decision in counting(decisions):
        if decision.kind is DecisionKind.RENAMED:
            _rename(result, decision)
        else:
            _decide(result.pictures.setdefault(decision.digest, DecidedPicture()), decision)
            if decision.folder and decision.kind is DecisionKind.CONFIRMED:
                result.folders[decision.character] = decision.folder
    for picture in result.pictures.values():
        picture.confirmed = {result.name(one): head for one, head in picture.confirmed.items()}
        picture.rejected = {result.name(one): heads for one, heads in picture.rejected.items()}
    result.pictures = {digest: picture for digest, picture in result.pictures.items() if not picture.empty}
    result.folders = {result.name(one): folder for one, folder in result.folders.items() if one not in result.renamed}
    return result


def _decide(picture: DecidedPicture, decision: UserDecision) -> None:
    name, head = decision.character, tuple(decision.head)
    picture.origin, picture.ignored = decision.origin, decision.kind is DecisionKind.IGNORED
    if picture.ignored:
        picture.confirmed.clear()
        picture.rejected.clear()
    elif decision.kind is DecisionKind.CONFIRMED:
        picture.confirmed[name] = head
        picture.rejected[name] = {
            other for other in picture.rejected.get(name, set()) if head and other not in ((), head)
        }
        if not picture.rejected[name]:
            del picture.rejected[name]
    else:
        heads = picture.rejected.setdefault(name, set())
        if not head:
            heads.clear()
        heads.add(head)
        if not head or picture.confirmed.get(name) in ((), head):
            picture.confirmed.pop(name, None)


def _rename(result: Decided, decision: UserDecision) -> None:
    old, new = decision.character, decision.name
    for earlier, name in result.renamed.items():
        if name == old:
            result.renamed[earlier] = new
    result.renamed[old] = new
    result.renamed = {one: name for one, name in result.renamed.items() if one != new and one != name}
    if decision.folder:
        result.folders[new] = decision.folder
