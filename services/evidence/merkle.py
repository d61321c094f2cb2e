"""The Merkle tree of RFC 6962 and RFC 9162, section 2.1, with SHA-256.

Ours, because what PyPI offers is under the GPL (pymerkle), hides this behind a client for one log
(sigstore), or builds other trees; and because proofs here are made from few stored hashes.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
# Of the hashes above the leaves, only every eighth level is stored: 1/255 of the leaves' number. What lies
# between is recomputed from at most 256 hashes below it.
STORED_LEVELS = 8


class InvalidProof(Exception):
    """A proof does not prove what it is said to."""


class Node(NamedTuple):
    """A perfect subtree: of the leaves from `number << level` on, `1 << level` many."""

    level: int
    number: int


class Span(NamedTuple):
    """Neighbouring stored hashes: of `level`, from number `start` up to, not including, `end`."""

    level: int
    start: int
    end: int


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of what stands above two hashes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class CompactRange:
    """All that is needed to append to a tree and to know its root.

    These are the roots of the perfect subtrees that the tree is made of, from left to right: as many as
    its size has ones in binary.
    """

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Take up a tree where it was left; raises ValueError if there cannot be such a tree."""
        if size < 0 or len(hashes) != size.bit_count() or any(len(each) != HASH_BYTES for each in hashes):
            raise ValueError(f"{len(hashes)} hashes are not the compact range of {size} leaves")
        self.size = size
        self.hashes = list(hashes)

    @classmethod
    def from_bytes(cls, size: int, hashes: bytes) -> "CompactRange":
        """Read what `to_bytes` wrote; raises ValueError if there cannot be such a tree."""
        return cls(size, [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)])

    def to_bytes(self) -> bytes:
        """Return the hashes, one after the other."""
        return b"".join(self.hashes)

    def append(self, leaf: bytes) -> list[tuple[Node, bytes]]:
        """Add the hash of a leaf; return the perfect subtrees above it that are now complete."""
        complete = []
        node, value = Node(0, self.size), leaf
        while node.number & 1:
            node, value = Node(node.level + 1, node.number >> 1), node_hash(self.hashes.pop(), value)
            complete.append((node, value))
        self.hashes.append(value)
        self.size += 1
        return complete

    def root(self) -> bytes:
        """Return the tree's root."""
        return _join(self.hashes)


class Proof:
    """How to make a proof: which stored hashes it takes, and what to do with them.

    Each hash of a proof is the root of the leaves from one number up to another.
    """

    def __init__(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Take the leaves below each hash of the proof, first and last but one."""
        self._nodes = [list(_nodes(start, end)) for start, end in ranges]

    @classmethod
    def of_inclusion(cls, index: int, size: int) -> "Proof":
        """Prove that a leaf is in a tree of that size (2.1.3.1); raises ValueError if it cannot be."""
        if not 0 <= index < size:
            raise ValueError(f"a tree of {size} has no leaf {index}")
        return cls(list(_inclusion(index, 0, size)))

    @classmethod
    def of_consistency(cls, first: int, second: int) -> "Proof":
        """Prove that a tree of one size begins as that of a smaller size does (2.1.4.1).

        Of equal trees there is nothing to prove. Raises ValueError if the smaller one is empty, about
        which there is nothing to say, or is not smaller.
        """
        if not 0 < first <= second:
            raise ValueError(f"a tree of {second} does not begin with one of {first}")
        return cls(list(_consistency(first, 0, second, whole=True)) if first < second else [])

    @classmethod
    def of_root(cls, size: int) -> "Proof":
        """Return how to make the root of the tree when it had that size above 0, as the one hash."""
        return cls([(0, size)])

    def spans(self) -> set[Span]:
        """Return what has to be read."""
        return {_span(node) for nodes in self._nodes for node in nodes}

    def hashes(self, stored: Mapping[Span, Sequence[bytes]]) -> list[bytes]:
        """Return the proof."""
        return [_join([_perfect(stored[_span(node)]) for node in nodes]) for nodes in self._nodes]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that a tree holds this leaf hash at this index (RFC 9162, 2.1.3.2); raises InvalidProof."""
    if not 0 <= index < size:
        raise InvalidProof(f"a tree of {size} has no leaf {index}")
    if len(leaf) != HASH_BYTES:
        raise InvalidProof("the leaf's hash has another length")
    node, last, value = index, size - 1, leaf
    for each in path:
        if last == 0:
            raise InvalidProof("the path is too long")
        if node & 1 or node == last:
            value = node_hash(each, value)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            value = node_hash(value, each)
        node, last = node >> 1, last >> 1
    if last:
        raise InvalidProof("the path is too short")
    if value != root:
        raise InvalidProof("the path leads to another root")


def verify_consistency(
    first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]
) -> None:
    """Check that one tree begins as a smaller one does (RFC 9162, 2.1.4.2); raises InvalidProof."""
    if not 0 < first <= second:
        raise InvalidProof(f"a tree of {second} does not begin with one of {first}")
    if first == second:
        if path:
            raise InvalidProof("the path is too long")
        if first_root != second_root:
            raise InvalidProof("the roots of equal sizes differ")
        return
    hashes = [first_root, *path] if first.bit_count() == 1 else list(path)
    if not hashes:
        raise InvalidProof("the path is too short")
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = hashes[0]
    for each in hashes[1:]:
        if last == 0:
            raise InvalidProof("the path is too long")
        if node & 1 or node == last:
            old, new = node_hash(each, old), node_hash(each, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, each)
        node, last = node >> 1, last >> 1
    if last:
        raise InvalidProof("the path is too short")
    if old != first_root:
        raise InvalidProof("the path leads to another first root")
    if new != second_root:
        raise InvalidProof("the path leads to another second root")


def _split(size: int) -> int:
    """Return the largest power of two that is smaller than a size above 1."""
    return 1 << (size - 1).bit_length() - 1


def _inclusion(index: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    if end - start == 1:
        return
    middle = start + _split(end - start)
    if index < middle:
        yield from _inclusion(index, start, middle)
        yield middle, end
    else:
        yield from _inclusion(index, middle, end)
        yield start, middle


def _consistency(first: int, start: int, end: int, *, whole: bool) -> Iterator[tuple[int, int]]:
    """`whole`: the root of the leaves up to `first` is the smaller tree's, which is known already."""
    if first == end:
        if not whole:
            yield start, end
        return
    middle = start + _split(end - start)
    if first <= middle:
        yield from _consistency(first, start, middle, whole=whole)
        yield middle, end
    else:
        yield from _consistency(first, middle, end, whole=False)
        yield start, middle


def _nodes(start: int, end: int) -> Iterator[Node]:
    """Cut leaves into perfect subtrees, the largest first; `start` is where such a one begins."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield Node(level, start >> level)
        start += 1 << level


def _span(node: Node) -> Span:
    below = node.level % STORED_LEVELS
    return Span(node.level - below, node.number << below, (node.number + 1) << below)


def _perfect(hashes: Sequence[bytes]) -> bytes:
    """Return the root above as many hashes as a power of two."""
    while len(hashes) > 1:
        hashes = [node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def _join(hashes: Iterable[bytes]) -> bytes:
    """Return the root above perfect subtrees that grow smaller from left to right."""
    value: bytes | None = None
    for each in reversed(list(hashes)):
        value = each if value is None else node_hash(each, value)
    return EMPTY_ROOT if value is None else value
