"""What rewriting changed, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .sentence import Rewritten


@dataclass
class RewriteReport:
    """Counts over a set of captions."""

    captions: int = 0
    changed: int = 0
    """Captions with at least one change other than letter case, spaces and full stops."""
    clauses: int = 0
    """Captions that could not be made a noun phrase and stand behind a colon."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Reason -> captions left out: 'nothing left', 'same as another', 'nearly as another'."""
    changes: Counter[str] = field(default_factory=Counter)
    """Kind of change -> times; the kinds are those of ``rewrite_caption``."""
    written: int = 0
    bare: int = 0
    """Images or tiles that had captions and are left with the activation phrase alone."""
    repeated: int = 0
    """Tiles whose caption more tiles share than allowed, for want of another."""
    examples: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Kind of change -> the first caption it happened to, before and after."""

    def count(self, before: str, after: Rewritten) -> None:
        """Count one caption."""
        self.captions += 1
        self.changed += after.changed
        self.clauses += after.is_clause
        self.changes.update(after.changes)
        for kind in after.changes:
            self.examples.setdefault(kind, (before, after.text))

    def as_plain(self) -> dict[str, Any]:
        """JSON-ready values."""
        return {
            "captions": self.captions,
            "changed": self.changed,
            "clauses": self.clauses,
            "written": self.written,
            "dropped": _sorted(self.dropped),
            "changes": _sorted(self.changes),
            "bare": self.bare,
            "repeated": self.repeated,
            "examples": {kind: list(pair) for kind, pair in self.examples.items()},
        }

    def lines(self) -> list[str]:
        """For a person."""
        found = [
            f"{self.captions} captions, {self.changed} changed, {self.written} written",
            *(f"  {number:>7}  {kind}" for kind, number in _sorted(self.changes).items()),
            *(f"  {number:>7}  left out: {why}" for why, number in _sorted(self.dropped).items()),
        ]
        if self.bare:
            found.append(f"  {self.bare:>7}  images left with the activation phrase alone")
        if self.repeated:
            found.append(f"  {self.repeated:>7}  tiles share a caption with more than allowed")
        return found


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    """Largest first."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
