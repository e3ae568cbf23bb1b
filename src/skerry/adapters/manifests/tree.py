"""YAML text as a tree whose every part knows its line and column.

Built from the parser's events, without recursion, so that nesting is refused before it can exhaust a stack; an alias
counts as all that it stands for, so that a small file cannot unfold into a large one. Nothing is given a type here
(`yes` is a text): what a scalar means is decided by the field that it stands in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

TEXT_BYTES_MAX = 1 << 20
DEPTH_MAX = 32
PARTS_MAX = 50_000
"""Of one file, aliases unfolded."""
DOCUMENTS_MAX = 1_000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Mark:
    """A place in a text; both numbers from 1."""

    line: int
    column: int


class TreeError(ValueError):
    """A text that is no tree of ours."""

    def __init__(self, message: str, mark: Mark, hint: str = "") -> None:
        self.message, self.mark, self.hint = message, mark, hint
        super().__init__(message)


@dataclass
class Scalar:
    """A text; `plain` if it stood without quotes."""

    mark: Mark
    text: str
    plain: bool
    size: int = 1

    @property
    def null(self) -> bool:
        """Whether nothing is there, or a plain `null` or `~`."""
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")


@dataclass
class Sequence:
    """A list."""

    mark: Mark
    items: list[Tree] = field(default_factory=list)
    size: int = 1


@dataclass
class Mapping:
    """Keys in the order of the file; a repeated key stands here again."""

    mark: Mark
    entries: list[tuple[Scalar, Tree]] = field(default_factory=list)
    size: int = 1
    key: Scalar | None = None
    """While it is being built: the key whose value comes next."""


Tree = Scalar | Sequence | Mapping


def trees(text: str) -> Iterator[Tree]:
    """One tree a document; empty documents are left out. Raises `TreeError`, also after some were given."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise TreeError(f"not a text: {error.reason} at character {error.start}", Mark(1, 1)) from error
    if size > TEXT_BYTES_MAX:
        raise TreeError(f"{size} bytes; expected at most {TEXT_BYTES_MAX}", Mark(1, 1), "split it into several files")
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            finished = builder.take(event)
            if finished is not None:
                yield finished
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(at.line + 1, at.column + 1) if at is not None else Mark(1, 1)
        begun = f" (from line {error.context_mark.line + 1})" if error.context_mark is not None else ""
        context = f"{error.context}{begun}, " if error.context else ""
        raise TreeError(f"not YAML: {context}{error.problem}", mark) from error
    except yaml.YAMLError as error:
        raise TreeError(f"not YAML: {str(error).splitlines()[0]}", Mark(1, 1)) from error


class _Builder:
    """Puts events together."""

    def __init__(self) -> None:
        self._open: list[Sequence | Mapping] = []
        self._open_anchors: list[str | None] = []
        self._anchors: dict[str, Tree] = {}
        self._parts = 0
        self._documents = 0

    def take(self, event: Any) -> Tree | None:
        """One event; a tree, when it completes a document."""
        mark = Mark(event.start_mark.line + 1, event.start_mark.column + 1)
        match event:
            case yaml.DocumentStartEvent():
                self._anchors = {}
                self._documents += 1
                if self._documents > DOCUMENTS_MAX:
                    raise TreeError(f"more than {DOCUMENTS_MAX} documents", mark, "split it into several files")
            case yaml.ScalarEvent():
                self._untagged(event, mark)
                scalar = Scalar(mark, event.value, event.implicit[0])
                return self._place(scalar, event.anchor)
            case yaml.AliasEvent():
                if event.anchor not in self._anchors:
                    raise TreeError(f"`*{event.anchor}` stands for nothing before it, or for a part of itself", mark)
                return self._place(self._anchors[event.anchor], None)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._untagged(event, mark)
                if len(self._open) >= DEPTH_MAX:
                    raise TreeError(f"nested more than {DEPTH_MAX} deep", mark)
                self._open.append(Sequence(mark) if isinstance(event, yaml.SequenceStartEvent) else Mapping(mark))
                self._open_anchors.append(event.anchor)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                return self._place(self._open.pop(), self._open_anchors.pop())
            case _:
                pass  # ends and starts that carry nothing
        return None

    def _untagged(self, event: Any, mark: Mark) -> None:
        if event.tag is not None and event.tag != "!":
            raise TreeError(f"tag `{event.tag}`; manifests have no tags", mark, "leave it out")

    def _place(self, tree: Tree, anchor: str | None) -> Tree | None:
        """Put a finished part where it belongs; it is the document if nothing is open."""
        self._parts += 1
        if tree.size > PARTS_MAX or self._parts > PARTS_MAX:
            raise TreeError(f"more than {PARTS_MAX} parts, aliases unfolded", tree.mark, "split it into several files")
        if anchor is not None:
            self._anchors[anchor] = tree
        if not self._open:
            return None if isinstance(tree, Scalar) and tree.null else tree
        parent = self._open[-1]
        parent.size += tree.size
        if parent.size > PARTS_MAX:
            raise TreeError(f"more than {PARTS_MAX} parts, aliases unfolded", parent.mark, "write fewer aliases")
        if isinstance(parent, Sequence):
            parent.items.append(tree)
        elif parent.key is not None:
            parent.entries.append((parent.key, tree))
            parent.key = None
        elif isinstance(tree, Scalar):
            parent.key = tree
        else:
            raise TreeError("expected a text as key, found a list or a mapping", tree.mark)
        return None
