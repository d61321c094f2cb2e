"""Bundles as ZIP archives: how they come in through the API, and how they are kept.

An archive is a stranger's until it is unpacked: names that lead elsewhere, links, and sizes that lie
are refused, and no more than ``MAXIMUM_BYTES`` is ever unpacked, whatever the archive announces.
"""

import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO

from services.errors import InvalidArgument

MAXIMUM_FILES = 200
FILE_BYTES = 2 * 1024 * 1024
MAXIMUM_BYTES = 8 * 1024 * 1024
"""All files of a bundle together, unpacked."""

TYPES = (
    *(".j2", ".css", ".json"),
    *(".woff2", ".woff", ".ttf", ".otf"),
    *(".png", ".jpg", ".svg"),
    *(".txt", ".md"),
)
"""How names of files may end."""

# No dot at the start of a part, so that none is hidden and none leads upwards.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}){0,3}")
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)


def unpack(archive: bytes) -> dict[str, bytes]:
    """Return the files of an archive by name; raises InvalidArgument that names the file at fault."""
    try:
        with zipfile.ZipFile(BytesIO(archive)) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            if len(members) > MAXIMUM_FILES:
                raise InvalidArgument("archive", f"has more than {MAXIMUM_FILES} files", "TOO_MANY_FILES")
            return _read(opened, members)
    except (zipfile.BadZipFile, ValueError) as error:
        raise InvalidArgument("archive", f"is no readable ZIP archive: {error}", "ARCHIVE_BROKEN") from error


def _read(opened: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    seen: set[str] = set()
    left = MAXIMUM_BYTES
    for member in members:
        name = member.orig_filename
        _check(member, name)
        if name.casefold() in seen:
            raise InvalidArgument(name, "is in the archive twice, or differs in case alone", "NAME_TAKEN")
        seen.add(name.casefold())
        limit = min(FILE_BYTES, left)
        try:
            with opened.open(member) as file:
                content = file.read(limit + 1)
        except _UNREADABLE as error:
            raise InvalidArgument(name, f"cannot be unpacked: {error}", "ARCHIVE_BROKEN") from error
        if len(content) > limit:
            raise InvalidArgument(
                name,
                f"is too large: a file may have {FILE_BYTES:,} bytes, and all together {MAXIMUM_BYTES:,}",
                "TOO_LARGE",
            )
        left -= len(content)
        files[name] = content
    return files


def _check(member: zipfile.ZipInfo, name: str) -> None:
    shown = name[:200].encode("unicode_escape").decode()
    if not _NAME.fullmatch(name):
        raise InvalidArgument(shown, "is no name for a file of a bundle", "NAME_REFUSED")
    if not name.endswith(TYPES):
        raise InvalidArgument(shown, f"is of no type that a bundle holds: {', '.join(TYPES)}", "TYPE_REFUSED")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise InvalidArgument(shown, "is a link or a device, and no file", "LINK_REFUSED")
    if member.flag_bits & 1:
        raise InvalidArgument(shown, "is encrypted", "ARCHIVE_BROKEN")


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return an archive of the files, dated and ordered the same way each time."""
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as opened:
        for name in sorted(files):
            member = zipfile.ZipInfo(name)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = (stat.S_IFREG | 0o644) << 16
            opened.writestr(member, files[name])
    return archive.getvalue()
