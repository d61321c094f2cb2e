"""Trees, proofs and their checking are those of RFC 6962 and RFC 9162, and nothing wrong is accepted."""

import hashlib
from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evidence.merkle import (
    EMPTY_ROOT,
    STORED_LEVELS,
    CompactRange,
    InvalidProof,
    Node,
    Proof,
    Span,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

# The leaves and roots that implementations of Certificate Transparency check themselves against.
LEAVES = [
    bytes.fromhex(each)
    for each in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSIONS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCIES = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


class Tree:
    """What a log stores: leaves, and of what is above them only some levels."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.stored: dict[Node, bytes] = {}
        self.range = CompactRange()
        for index, leaf in enumerate(map(leaf_hash, leaves)):
            self.stored[Node(0, index)] = leaf
            self.stored |= {
                node: value for node, value in self.range.append(leaf) if node.level % STORED_LEVELS == 0
            }

    def read(self, spans: set[Span]) -> Mapping[Span, list[bytes]]:
        return {
            span: [self.stored[Node(span.level, index)] for index in range(span.start, span.end)]
            for span in spans
        }

    def prove(self, proof: Proof) -> list[bytes]:
        return proof.hashes(self.read(proof.spans()))


def reference_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, word for word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + reference_root(leaves[:k]) + reference_root(leaves[k:])).digest()


def reference_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 6962, 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*reference_path(m, leaves[:k]), reference_root(leaves[k:])]
    return [*reference_path(m - k, leaves[k:]), reference_root(leaves[:k])]


def reference_subproof(m: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962, 2.1.2, word for word."""
    if m == len(leaves):
        return [] if whole else [reference_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*reference_subproof(m, leaves[:k], whole), reference_root(leaves[k:])]
    return [*reference_subproof(m - k, leaves[k:], False), reference_root(leaves[:k])]


def leaves_of(size: int) -> list[bytes]:
    return [f"leaf {number}".encode() for number in range(size)]


sizes = st.integers(1, 700)


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_test_vectors(size: int) -> None:
    assert Tree(LEAVES[:size]).range.root().hex() == ROOTS[size]


def test_the_root_of_an_empty_tree_is_the_hash_of_nothing() -> None:
    assert CompactRange().root() == EMPTY_ROOT


@pytest.mark.parametrize(("index", "size"), INCLUSIONS)
def test_paths_are_those_of_the_test_vectors(index: int, size: int) -> None:
    path = Tree(LEAVES).prove(Proof.of_inclusion(index, size))
    assert [each.hex() for each in path] == INCLUSIONS[index, size]
    verify_inclusion(leaf_hash(LEAVES[index]), index, size, path, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("first", "second"), CONSISTENCIES)
def test_consistency_proofs_are_those_of_the_test_vectors(first: int, second: int) -> None:
    path = Tree(LEAVES).prove(Proof.of_consistency(first, second))
    assert [each.hex() for each in path] == CONSISTENCIES[first, second]
    verify_consistency(first, second, bytes.fromhex(ROOTS[first]), bytes.fromhex(ROOTS[second]), path)


@given(sizes)
def test_a_tree_that_grew_leaf_by_leaf_has_the_root_of_the_definition(size: int) -> None:
    leaves = leaves_of(size)
    assert Tree(leaves).range.root() == reference_root(leaves)


@given(sizes, st.data())
def test_every_leaf_is_proved_in_every_tree_that_holds_it(grown: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, grown))
    index = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(grown)
    path = Tree(leaves).prove(Proof.of_inclusion(index, size))
    assert path == reference_path(index, leaves[:size])
    verify_inclusion(leaf_hash(leaves[index]), index, size, path, reference_root(leaves[:size]))


@given(sizes, st.data())
def test_every_tree_is_proved_to_begin_as_the_smaller_one(grown: int, data: st.DataObject) -> None:
    second = data.draw(st.integers(1, grown))
    first = data.draw(st.integers(1, second))
    leaves = leaves_of(grown)
    path = Tree(leaves).prove(Proof.of_consistency(first, second))
    assert path == reference_subproof(first, leaves[:second], True)
    verify_consistency(first, second, reference_root(leaves[:first]), reference_root(leaves[:second]), path)


def test_a_proof_from_a_large_tree_reads_few_hashes() -> None:
    size = 3_000_001
    for proof in (Proof.of_inclusion(1_234_567, size), Proof.of_consistency(1_234_567, size)):
        spans = proof.spans()
        assert sum(span.end - span.start for span in spans) < 1_500
        assert {span.level for span in spans} <= {0, 8, 16}


@given(sizes)
def test_a_compact_range_is_taken_up_where_it_was_left(size: int) -> None:
    tree = Tree(leaves_of(size)).range
    again = CompactRange.from_bytes(size, tree.to_bytes())
    tree.append(leaf_hash(b"next"))
    again.append(leaf_hash(b"next"))
    assert again.root() == tree.root()


@pytest.mark.parametrize(
    ("size", "hashes"), [(0, b"x" * 32), (1, b""), (1, b"x" * 31), (2, b"x" * 64), (-1, b"")]
)
def test_what_is_no_compact_range_is_refused(size: int, hashes: bytes) -> None:
    with pytest.raises(ValueError, match="compact range"):
        CompactRange.from_bytes(size, hashes)


Mutation = Callable[[list[bytes]], list[bytes]]
MUTATIONS: dict[str, Mutation] = {
    "truncated": lambda path: path[:-1],
    "beheaded": lambda path: path[1:],
    "lengthened": lambda path: [*path, b"\0" * 32],
    "lengthened in front": lambda path: [b"\0" * 32, *path],
    "its last hash twice": lambda path: [*path, path[-1]],
    "swapped": lambda path: [path[1], path[0], *path[2:]],
    "one bit changed": lambda path: [bytes([path[0][0] ^ 1]) + path[0][1:], *path[1:]],
    "empty": lambda path: [],
    "a hash cut short": lambda path: [path[0][:31], *path[1:]],
}


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize(("index", "size"), [(0, 8), (5, 8), (6, 7), (3, 7), (0, 3), (299, 300)])
def test_a_path_that_was_tampered_with_is_refused(index: int, size: int, mutation: str) -> None:
    tree = Tree(leaves_of(size))
    path = tree.prove(Proof.of_inclusion(index, size))
    if len(path) == 1 and mutation == "swapped":
        path = [*path, path[0]]
    with pytest.raises(InvalidProof):
        mutated = MUTATIONS[mutation](path) if len(path) > 1 else [b"\0" * 32]
        verify_inclusion(leaf_hash(f"leaf {index}".encode()), index, size, mutated, tree.range.root())


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize(("first", "second"), [(1, 8), (6, 8), (3, 7), (4, 7), (255, 300), (256, 300)])
def test_a_consistency_proof_that_was_tampered_with_is_refused(
    first: int, second: int, mutation: str
) -> None:
    leaves = leaves_of(second)
    path = Tree(leaves).prove(Proof.of_consistency(first, second))
    with pytest.raises(InvalidProof):
        mutated = MUTATIONS[mutation](path) if len(path) > 1 else [b"\0" * 32]
        verify_consistency(
            first, second, reference_root(leaves[:first]), reference_root(leaves[:second]), mutated
        )


@pytest.mark.parametrize(
    ("leaf", "index", "size"),
    [
        ("leaf 6", 5, 8),
        ("leaf 5", 4, 8),
        ("leaf 5", 13, 8),
        ("leaf 5", 8, 8),
        ("leaf 5", -1, 8),
        ("leaf 5", 5, 6),
        ("leaf 5", 5, 16),
        ("leaf 5", 5, 0),
        ("leaf 5", 5, -8),
    ],
)
def test_a_path_proves_one_leaf_at_one_index_of_one_size(leaf: str, index: int, size: int) -> None:
    tree = Tree(leaves_of(8))
    path = tree.prove(Proof.of_inclusion(5, 8))
    with pytest.raises(InvalidProof):
        verify_inclusion(leaf_hash(leaf.encode()), index, size, path, tree.range.root())


def test_a_node_is_not_taken_for_a_leaf() -> None:
    """The prefixes of RFC 6962 are what keeps an inner node from being passed off as an entry."""
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.mark.parametrize(
    ("first", "second"), [(5, 8), (7, 8), (8, 6), (-1, 8), (6, 16), (0, 8), (0, 0), (8, 8)]
)
def test_a_consistency_proof_is_for_two_sizes_and_no_others(first: int, second: int) -> None:
    leaves = leaves_of(8)
    path = Tree(leaves).prove(Proof.of_consistency(6, 8))
    with pytest.raises(InvalidProof):
        verify_consistency(first, second, reference_root(leaves[:6]), reference_root(leaves), path)


def test_without_a_path_only_equal_roots_are_consistent() -> None:
    verify_consistency(8, 8, leaf_hash(b"x"), leaf_hash(b"x"), [])
    with pytest.raises(InvalidProof):
        verify_consistency(8, 8, leaf_hash(b"x"), leaf_hash(b"y"), [])


def test_a_history_that_was_rewritten_has_no_proof() -> None:
    honest, forged = leaves_of(20), [*leaves_of(7), b"forged", *leaves_of(20)[8:]]
    path = Tree(forged).prove(Proof.of_consistency(10, 20))
    with pytest.raises(InvalidProof):
        verify_consistency(10, 20, reference_root(honest[:10]), reference_root(forged), path)


@pytest.mark.parametrize(
    "impossible",
    [
        lambda: Proof.of_inclusion(8, 8),
        lambda: Proof.of_inclusion(-1, 8),
        lambda: Proof.of_consistency(9, 8),
        lambda: Proof.of_consistency(0, 8),
        lambda: Proof.of_consistency(-1, 8),
    ],
)
def test_what_cannot_be_is_not_proved(impossible: Callable[[], Proof]) -> None:
    with pytest.raises(ValueError, match="a tree of"):
        impossible()


@given(st.integers(2, 300), st.data())
def test_one_changed_bit_anywhere_is_found(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(size)
    root = reference_root(leaves)
    path = Tree(leaves).prove(Proof.of_inclusion(index, size))
    parts = [leaf_hash(leaves[index]), root, *path]
    at, bit = data.draw(st.integers(0, len(parts) - 1)), data.draw(st.integers(0, 255))
    parts[at] = (int.from_bytes(parts[at]) ^ 1 << bit).to_bytes(32)
    with pytest.raises(InvalidProof):
        verify_inclusion(parts[0], index, size, parts[2:], parts[1])
