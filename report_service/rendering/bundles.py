"""Template bundles: everything a report's look depends on, named by version and fixed by digest.

A bundle is a folder ``<name>/<major.minor.patch>`` with the page, its style, fonts, strings per
locale, the JSON Schema of its data and a sample. Its digest covers every file, so two bundles with
the same digest make the same pages.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import rfc8785

from services.errors import FailedPrecondition, NotFound

SHIPPED = Path(__file__).resolve().parent.parent / "templates"
"""The bundles that come with the product."""

_VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")


@dataclass(frozen=True)
class Bundle:
    """One immutable version of one template."""

    name: str
    version: str
    digest: str
    """SHA-256 in hexadecimal over the manifest of all files; see ``digest_of``."""
    path: Path
    """The folder that holds the files."""

    @property
    def locales(self) -> frozenset[str]:
        """The languages it speaks, as BCP 47 tags."""
        return frozenset(strings.stem for strings in self.path.glob("strings/*.json"))

    @property
    def template_version_id(self) -> str:
        """The name people and lineage use: ``name@version``."""
        return f"{self.name}@{self.version}"


class Templates(Protocol):
    """Where the bundles of reports come from."""

    async def choose(self, name: str, version: str) -> Bundle:
        """Return what a new report is made with: this version, or the newest published if it is empty.

        Raises ``NotFound``, or ``FailedPrecondition`` for a version that is not published.
        """

    async def bring(self, template_version_id: str, digest: str) -> Bundle:
        """Return the bundle that a report was asked for, its files at hand.

        Raises ``NotFound``, or ``FailedPrecondition`` if the version is another bundle now.
        """


def precedence(version: str) -> tuple[int, ...]:
    """Return what orders versions of the form major.minor.patch (Semantic Versioning, item 11)."""
    return tuple(int(part) for part in version.split("."))


def read(path: Path) -> dict[str, bytes]:
    """Return every file of a bundle by its relative name.

    Raises ``ValueError`` for a symbolic link: what it points to could change under the digest.
    """
    files = {}
    for each in sorted(path.rglob("*")):
        if each.is_symlink():
            raise ValueError(f"{each.name} is a symbolic link, which a bundle must not hold")
        if each.is_file():
            files[each.relative_to(path).as_posix()] = each.read_bytes()
    return files


def digest_of(files: Mapping[str, bytes]) -> str:
    """Return the bundle digest: SHA-256 of the RFC 8785 form of ``{"files": {name: sha256}}``."""
    manifest = {name: sha256(content).hexdigest() for name, content in files.items()}
    return sha256(rfc8785.dumps({"files": manifest})).hexdigest()


def load(path: Path) -> Bundle:
    """Return the bundle in a folder ``<name>/<version>``; raises ``ValueError`` for another name."""
    if not _VERSION.fullmatch(path.name):
        raise ValueError(f"{path.name!r} is no version: a bundle's folder is named major.minor.patch")
    return Bundle(path.parent.name, path.name, digest_of(read(path)), path)


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, Bundle]:
    """Return the bundles that come with the product, by ``template_version_id``."""
    found = [load(path) for path in sorted(SHIPPED.glob("*/*")) if path.is_dir()]
    return MappingProxyType({bundle.template_version_id: bundle for bundle in found})


def find(name: str, version: str = "") -> Bundle:
    """Return a shipped bundle, the newest by semantic version if none is named.

    Raises ``NotFound`` if there is no such template or no such version of it.
    """
    if version:
        bundle = shipped().get(f"{name}@{version}")
    else:
        named = [each for each in shipped().values() if each.name == name]
        bundle = max(named, key=lambda each: precedence(each.version), default=None)
    if bundle is None:
        raise NotFound("template version", f"{name}@{version}" if version else name)
    return bundle


class ShippedTemplates:
    """The bundles that come with the product, and no others."""

    async def choose(self, name: str, version: str) -> Bundle:
        """Return a shipped version, or the newest of them."""
        return find(name, version)

    async def bring(self, template_version_id: str, digest: str) -> Bundle:
        """Return a shipped version if it still is the bundle with this digest."""
        bundle = find(*template_version_id.split("@"))
        if bundle.digest != digest:
            raise changed(template_version_id)
        return bundle


def changed(template_version_id: str) -> FailedPrecondition:
    """Return the failure of a report whose template is another bundle now."""
    return FailedPrecondition(
        f"The template {template_version_id} is no longer the one that was asked for.",
        reason="TEMPLATE_CHANGED",
    )
