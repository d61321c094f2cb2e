"""Follow a log's tree from checkpoint to checkpoint, and find what in it is not what was signed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.evidence.merkle import STORED_LEVELS, CompactRange, Node

Finding = tuple[int | str, str]
"""What is damaged, by its number in the tree or by name, and how."""


@dataclass(frozen=True, slots=True)
class Target:
    """A size and a root that the key signed."""

    where: str
    size: int
    root: bytes
    tree: CompactRange | None
    """The tree at that size, if it is known in a form that the root confirms."""


class Growth:
    """A log's tree as it is stored, next to what was signed of it."""

    def __init__(self, targets: Sequence[Target]) -> None:
        """Take what was signed."""
        self._targets = sorted(targets, key=lambda each: each.size)
        self.size = self._targets[-1].size if targets else 0
        self._leaves: list[bytes | None] = [None] * self.size
        self._actual: dict[int, bytes] = {}

    def leaf(self, number: int, stored: bytes, actual: bytes | None) -> bool:
        """Take in a leaf as it is stored, and as its entry has it; return whether it can be anywhere."""
        if not 0 <= number < self.size:
            return False
        self._leaves[number] = stored
        if actual is not None and actual != stored:
            self._actual[number] = actual
        return True

    def findings(self) -> Iterator[Finding]:
        """Return what is not as it was signed.

        Behind a damage the next checkpoint's own tree is taken up, so that what follows is judged by itself.
        """
        tree: CompactRange | None = CompactRange()
        judged = 0
        for target in self._targets:
            numbers = range(judged, target.size)
            for number in numbers:
                if self._leaves[number] is None:
                    yield number, "is missing in the tree"
            altered = [number for number in numbers if number in self._actual]
            grown = self._grown(tree, target.size, {})
            if grown is not None and grown.root() == target.root:
                yield from ((number, f"it is not what was signed as {target.where}") for number in altered)
            else:
                mended = self._grown(tree, target.size, self._actual)
                if mended is not None and mended.root() == target.root:
                    grown = mended
                    yield from (
                        (number, "it is as it was signed, but its hash in the tree is not")
                        for number in altered
                    )
                else:
                    yield from ((number, "it is not what its hash in the tree says") for number in altered)
                    if grown is not None:
                        yield from _one_of(numbers, target)
                    grown = None
            tree = target.tree or grown
            judged = target.size

    def findings_above(self, stored: Mapping[Node, bytes]) -> Iterator[Finding]:
        """Return which stored hashes above the leaves are not those of what is below them."""
        expected = self._above()
        for node in sorted(stored.keys() | expected.keys()):
            name = f"hash {node.number} on level {node.level} of the tree"
            if node not in stored:
                yield name, "is missing"
            elif node in expected and stored[node] != expected[node]:
                yield name, "is not that of what is below it"
            elif (node.number + 1) << node.level > self.size:
                yield name, "does not belong there"

    def _grown(
        self, tree: CompactRange | None, size: int, instead: Mapping[int, bytes]
    ) -> CompactRange | None:
        """Return a tree with the leaves up to a size; None if one of them is missing."""
        if tree is None:
            return None
        grown = CompactRange(tree.size, tree.hashes)
        for number in range(tree.size, size):
            leaf = instead.get(number, self._leaves[number])
            if leaf is None:
                return None
            grown.append(leaf)
        return grown

    def _above(self) -> dict[Node, bytes]:
        expected: dict[Node, bytes] = {}
        level, below = 0, self._leaves
        while len(below) >> STORED_LEVELS:
            level += STORED_LEVELS
            above: list[bytes | None] = []
            for number in range(len(below) >> STORED_LEVELS):
                tree = CompactRange()
                hashes = below[number << STORED_LEVELS : (number + 1) << STORED_LEVELS]
                for each in hashes:
                    if each is not None:
                        tree.append(each)
                above.append(tree.root() if tree.size == len(hashes) else None)
            expected |= {Node(level, number): each for number, each in enumerate(above) if each is not None}
            below = above
        return expected


def _one_of(numbers: range, target: Target) -> Iterator[Finding]:
    """Name the entries of which at least one is not what was signed."""
    if not numbers:
        yield target.where, "the tree is not what was signed"
    one_of = "it is" if len(numbers) == 1 else f"it, or another of the {len(numbers)} sealed with it, is"
    yield from ((number, f"{one_of} not what was signed as {target.where}") for number in numbers)
