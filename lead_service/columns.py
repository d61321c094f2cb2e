"""Columns of a file: which of them hold a lead's fields, and what their cells say."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lead_service.cells import original
from lead_service.domain import Draft
from lead_service.facts import clean_text
from lead_service.names import is_harmless
from services.errors import FieldViolation, InvalidArgument

EMAIL: Final = "email"
FIELDS: Final = (EMAIL, "domain", "name")
MAX_COLUMNS: Final = 1000
# Letters and digits of the headers that people give these columns; the first that is there counts.
_USUAL: Final[Mapping[str, Sequence[str]]] = {
    EMAIL: ("email", "emailaddress", "mail", "mailaddress", "emailadresse", "courriel", "correo"),
    "domain": ("domain", "website", "webseite", "homepage", "site", "url", "host", "hostname", "web"),
    "name": ("name", "fullname", "displayname", "contact", "company", "companyname", "firma", "organization",
             "organisation"),
}  # fmt: skip
# What stands in columns of web sites: a host name, or a URL of which it is part.
_WEB_SITE: Final = re.compile(
    r"(?:https?://)?([^\s/?#:@]+)(?::[0-9]{1,5})?(?:[/?#].*)?", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the fields stand in each row."""

    header: tuple[str, ...]
    places: Mapping[str, int]
    """By field, counted from 0."""

    @classmethod
    def find(cls, header: Sequence[str], wanted: Mapping[str, str]) -> "Columns":
        """Find the fields in a header; `wanted` says by which names, and leaves out what is empty.

        Raises InvalidArgument if a field is not there, or is there twice.
        """
        if len(header) > MAX_COLUMNS:
            raise _wrong(f"has {len(header)} columns; at most {MAX_COLUMNS} are read")
        for at, text in enumerate(header):
            if not all(map(is_harmless, text.strip())):
                raise _wrong("is not readable text; save the file as CSV in UTF-8", at)
        texts = [original(text.strip()) for text in header]
        places: dict[str, int] = {}
        for field in FIELDS:
            if field not in wanted:
                found = _usual(field, texts)
            elif wanted[field].strip():
                found = _named(field, wanted[field], texts)
            else:
                continue
            if found is not None:
                places[field] = found
        if EMAIL not in places:
            raise _wrong(
                f"has no column of e-mail addresses. It has {_listed(texts)}. Name one with columns[email]"
            )
        return cls(tuple(texts), places)

    @property
    def used(self) -> dict[str, str]:
        """The header of each field."""
        return {field: self.header[at] for field, at in self.places.items()}

    @property
    def ignored(self) -> list[str]:
        """The headers of which nothing is read."""
        taken = set(self.places.values())
        return [text for at, text in enumerate(self.header) if at not in taken and text]

    def draft(self, cells: Sequence[str]) -> Draft:
        """Return the lead that a row describes, checked and normalised; raises InvalidArgument."""
        width = len(self.header)
        if len(cells) < width or any(map(str.strip, cells[width:])):
            raise InvalidArgument("", f"the row has {len(cells)} cells, and the header has {width}", "RAGGED")
        texts = {field: original(cells[at]) for field, at in self.places.items()}
        for field, text in texts.items():
            if not text.isascii() and any("\udc80" <= each <= "\udcff" for each in text):
                raise InvalidArgument(
                    field, "is not text in UTF-8; save the file as CSV in UTF-8", "NOT_UTF8"
                )
        email, domain, name = (texts.get(field, "") for field in FIELDS)
        site = _WEB_SITE.fullmatch(domain.strip())
        return Draft(email, site[1] if site else domain, name).normalised()

    def address(self, cells: Sequence[str]) -> str:
        """Return what a row has for an e-mail address, as it stands there."""
        at = self.places[EMAIL]
        return cells[at] if at < len(cells) else ""

    def text(self, cells: Sequence[str], violation: FieldViolation) -> tuple[str, str]:
        """Return the header and the cell that a violation is about, fit to be stored and shown."""
        at = self.places.get(violation.field)
        if at is None or at >= len(cells):
            return "", ""
        return self.header[at], clean_text(cells[at])[:200]


def _usual(field: str, texts: Sequence[str]) -> int | None:
    plain = [re.sub(r"[\W_]", "", text.lower()) for text in texts]
    for name in _USUAL[field]:
        if name in plain:
            return _only(name, plain)
    return None


def _named(field: str, wanted: str, texts: Sequence[str]) -> int:
    folded = [text.lower() for text in texts]
    name = wanted.strip().lower()
    if name not in folded:
        raise InvalidArgument(
            f"columns[{field}]",
            f"there is no column {wanted.strip()!r}; the file has {_listed(texts)}",
            "NO_COLUMN",
        )
    return _only(name, folded)


def _only(name: str, texts: Sequence[str]) -> int:
    places = [at for at, text in enumerate(texts) if text == name]
    if len(places) > 1:
        numbers = " and ".join(str(at + 1) for at in places[:5])
        raise _wrong(f"names columns {numbers} the same, {name!r}; name one of them otherwise")
    return places[0]


def _listed(texts: Sequence[str]) -> str:
    shown = ", ".join(text[:40] for text in texts[:20] if text)
    return (shown or "no named column") + (", …" if len(texts) > 20 else "")


def _wrong(description: str, at: int | None = None) -> InvalidArgument:
    place = "row 1" if at is None else f"row 1, column {at + 1}"
    return InvalidArgument("content", f"{place}: {description}", "HEADER_INVALID")
