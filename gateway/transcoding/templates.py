"""Path templates: the grammar of `google.api.http` and the matcher over many of them.

    Template = "/" Segments [ ":" Literal ]        Segment  = "*" | "**" | Literal | Variable
    Segments = Segment { "/" Segment }             Variable = "{" FieldPath [ "=" Segments ] "}"

A verb that some template has at a path is never a part of its last segment, whatever the method.

`**` takes what is left of the path and so comes last. A literal beats `*`, and `*` beats `**`, at each
segment from the left; two templates of one verb that would take the same paths are a start-up error.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote_to_bytes

_LITERAL = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()+,;@]|%[0-9A-Fa-f]{2})+")
_FIELD_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SLASH = re.compile(r"(%2[Ff])")
ANY_METHOD = "*"

Value = TypeVar("Value")


class TemplateError(ValueError):
    """The template does not follow the grammar, or takes the same paths as another."""


class PathError(ValueError):
    """The path of a request is not percent-encoded UTF-8."""


class Variable(NamedTuple):
    """A field path bound to the segments `[start, end)`; `multiple` if its value may hold a slash."""

    path: str
    start: int
    end: int | None
    multiple: bool


@dataclass(frozen=True)
class Template:
    """One parsed template. Segments are literals (decoded), `*` or `**`."""

    text: str
    segments: tuple[str, ...]
    wild: tuple[bool, ...]
    variables: tuple[Variable, ...]
    verb: str = ""

    def __str__(self) -> str:
        return self.text


def parse(text: str) -> Template:
    """Read a template. Raises TemplateError with the position of what is wrong."""
    return _Parser(text).template()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.segments: list[str] = []
        self.wild: list[bool] = []
        self.variables: list[Variable] = []

    def template(self) -> Template:
        self.expect("/")
        self.parse_segments(in_variable=False)
        verb = ""
        if self.accept(":"):
            verb = self.literal()
        if self.at != len(self.text):
            raise self.wrong("unexpected character")
        names = [variable.path for variable in self.variables]
        if len(set(names)) != len(names):
            raise self.wrong("a variable is bound twice")
        return Template(self.text, tuple(self.segments), tuple(self.wild), tuple(self.variables), verb)

    def parse_segments(self, in_variable: bool) -> None:
        self.segment(in_variable)
        while self.accept("/"):
            if self.segments[-1] == "**" and self.wild[-1]:
                raise self.wrong("nothing may follow '**'")
            self.segment(in_variable)

    def segment(self, in_variable: bool) -> None:
        if self.accept("**"):
            self.add("**", wild=True)
        elif self.accept("*"):
            self.add("*", wild=True)
        elif self.accept("{"):
            if in_variable:
                raise self.wrong("variables do not nest")
            self.variable()
        else:
            self.add(self.literal(), wild=False)

    def variable(self) -> None:
        found = _FIELD_PATH.match(self.text, self.at)
        if not found:
            raise self.wrong("a field path is expected")
        self.at = found.end()
        start = len(self.segments)
        if self.accept("="):
            self.parse_segments(in_variable=True)
        else:
            self.add("*", wild=True)
        self.expect("}")
        deep = self.wild[-1] and self.segments[-1] == "**"
        end = None if deep else len(self.segments)
        self.variables.append(Variable(found.group(), start, end, deep or len(self.segments) - start > 1))

    def add(self, segment: str, wild: bool) -> None:
        self.segments.append(segment)
        self.wild.append(wild)

    def literal(self) -> str:
        found = _LITERAL.match(self.text, self.at)
        if not found:
            raise self.wrong("a literal is expected")
        self.at = found.end()
        return decode(found.group())

    def accept(self, token: str) -> bool:
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def expect(self, token: str) -> None:
        if not self.accept(token):
            raise self.wrong(f"{token!r} is expected")

    def wrong(self, what: str) -> TemplateError:
        return TemplateError(f"{self.text!r}, at {self.at}: {what}")


def decode(segment: str, keep_slashes: bool = False) -> str:
    """Percent-decode; `%2F` stays as it is where a value may hold real slashes. Raises PathError."""
    if "%" not in segment:
        return segment
    if _STRAY_PERCENT.search(segment):
        raise PathError("a '%' in the path is not followed by two hexadecimal digits")
    if keep_slashes:
        parts = _SLASH.split(segment)
        return "".join(part if at % 2 else decode(part) for at, part in enumerate(parts))
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise PathError("the path is not UTF-8 after percent-decoding") from None


class Match(NamedTuple, Generic[Value]):
    """What a path led to, and the text of each variable."""

    value: Value
    template: Template
    variables: dict[str, str]


# What was added, by method.
_Leaf = dict[str, tuple[Template, Value]]


@dataclass
class _Node(Generic[Value]):
    literals: "dict[str, _Node[Value]]" = field(default_factory=dict)
    one: "_Node[Value] | None" = None
    rest: "_Node[Value] | None" = None
    # by verb
    leaves: "dict[str, _Leaf[Value]]" = field(default_factory=dict)


class Routes(Generic[Value]):
    """Many templates with a value each, matched together in time proportional to the path."""

    def __init__(self) -> None:
        """Begin with no template."""
        self._root: _Node[Value] = _Node()

    def add(self, method: str, template: Template, value: Value) -> None:
        """Add a template. Raises TemplateError if one of this method already takes the same paths."""
        node = self._root
        for segment, wild in zip(template.segments, template.wild, strict=True):
            if not wild:
                node = node.literals.setdefault(segment, _Node())
            elif segment == "*":
                node.one = node = node.one or _Node()
            else:
                node.rest = node = node.rest or _Node()
        methods = node.leaves.setdefault(template.verb, {})
        if method in methods:
            raise TemplateError(
                f"{method} {template.text!r} takes the same paths as {methods[method][0].text!r}"
            )
        methods[method] = (template, value)

    def match(self, method: str, path: str) -> Match[Value] | None:
        """Find the route for a raw (still percent-encoded) path. Raises PathError."""
        ends, leaves = self._leaves(path)
        for leaf in leaves:
            found = leaf.get(method) or leaf.get(ANY_METHOD)
            if found:
                template, value = found
                return Match(value, template, _variables(template, ends))
        return None

    def methods(self, path: str) -> set[str]:
        """Return the methods that templates take this path with, for `Allow`. Raises PathError."""
        return {method for leaf in self._leaves(path)[1] for method in leaf}

    def _leaves(self, path: str) -> tuple[list[str], "list[_Leaf[Value]]"]:
        """Return the segments of a path as they are to be read, and what it leads to, the best first.

        A verb that any template has there is one, whatever the method: `GET /a/1:undo` is no look at the
        resource `1:undo` where `1` can be undone.
        """
        segments = path.removeprefix("/").split("/")
        for verb, ends in _readings(segments):
            leaves = list(_leaves(self._root, [decode(segment) for segment in ends], 0, verb))
            if leaves:
                return ends, leaves
        return segments, []


def _readings(segments: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Read the last colon of a path as the start of a verb, then as part of the segment."""
    stem, colon, verb = segments[-1].rpartition(":")
    if colon and stem and verb:
        yield decode(verb), [*segments[:-1], stem]
    yield "", segments


def _leaves(node: _Node[Value], segments: list[str], at: int, verb: str) -> Iterator["_Leaf[Value]"]:
    if at == len(segments):
        if verb in node.leaves:
            yield node.leaves[verb]
    elif segments[at]:
        literal = node.literals.get(segments[at])
        if literal:
            yield from _leaves(literal, segments, at + 1, verb)
        if node.one:
            yield from _leaves(node.one, segments, at + 1, verb)
    if node.rest and verb in node.rest.leaves:
        yield node.rest.leaves[verb]


def _variables(template: Template, segments: list[str]) -> dict[str, str]:
    return {
        path: "/".join(decode(segment, keep_slashes=multiple) for segment in segments[start:end])
        for path, start, end, multiple in template.variables
    }
