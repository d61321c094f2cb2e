"""Everything outside inputs and bundle that a PDF's bytes depend on, named and digested.

The product promises identical bytes for identical inputs, bundle and environment. So the environment
is recorded with each report, and two that differ say in what.
"""

import ctypes
import platform
import zlib
from collections.abc import Callable
from functools import lru_cache
from hashlib import file_digest, sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import rfc8785

ABSENT = "absent"

FONTS = Path(__file__).with_name("fonts.conf")
"""What a render process takes fonts from, beyond those of the bundle."""

_PACKAGES = (
    "cssselect2",
    "fonttools",
    "jinja2",
    "markupsafe",
    "pillow",
    "pydyf",
    "pyphen",
    "rfc8785",
    "segno",
    "tinycss2",
    "tinyhtml5",
    "weasyprint",
)

# The modules of this package that have a say in the bytes; the others start and watch processes.
_RENDERER = (
    "assets.py",
    "document.py",
    "glyphs.py",
    "metadata.py",
    "symbol.py",
    "template.py",
    "text.py",
)


class _Library(NamedTuple):
    """A system library: its name for the loader, its Debian package, and how it tells its version."""

    soname: str
    package: str
    version: Callable[[ctypes.CDLL], str]
    if_absent: str
    """What its absence means, as the end of a sentence."""


def _text_of(function: str) -> Callable[[ctypes.CDLL], str]:
    def ask(library: ctypes.CDLL) -> str:
        tell = getattr(library, function)
        tell.restype = ctypes.c_char_p
        return str(tell().decode())

    return ask


def _freetype_version(library: ctypes.CDLL) -> str:
    handle = ctypes.c_void_p()
    parts = [ctypes.c_int() for _ in range(3)]
    library.FT_Init_FreeType(ctypes.byref(handle))
    library.FT_Library_Version(handle, *map(ctypes.byref, parts))
    library.FT_Done_FreeType(handle)
    return ".".join(str(part.value) for part in parts)


def _fribidi_version(library: ctypes.CDLL) -> str:
    version = ctypes.c_char_p.in_dll(library, "fribidi_unicode_version").value
    assert version is not None, "a string of the library's own"
    return version.decode()


def _fontconfig_version(library: ctypes.CDLL) -> str:
    number = library.FcGetVersion()
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


_NO_PDF = "no PDF can be made"
_LIBRARIES = {
    "pango": _Library("libpango-1.0.so.0", "libpango-1.0-0", _text_of("pango_version_string"), _NO_PDF),
    "pangoft2": _Library("libpangoft2-1.0.so.0", "libpangoft2-1.0-0", lambda _: "present", _NO_PDF),
    "harfbuzz": _Library("libharfbuzz.so.0", "libharfbuzz0b", _text_of("hb_version_string"), _NO_PDF),
    "harfbuzz-subset": _Library(
        "libharfbuzz-subset.so.0",
        "libharfbuzz-subset0",
        lambda _: "present",
        "every PDF takes several times as long",
    ),
    "fontconfig": _Library("libfontconfig.so.1", "libfontconfig1", _fontconfig_version, _NO_PDF),
    "freetype": _Library("libfreetype.so.6", "libfreetype6", _freetype_version, _NO_PDF),
    "fribidi": _Library(
        "libfribidi.so.0",
        "libfribidi0",
        _fribidi_version,
        _NO_PDF,
    ),
}


@lru_cache(maxsize=1)
def _described() -> tuple[tuple[str, str], ...]:
    found = {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": platform.machine(),
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
        "fonts": _fonts_digest(),
        "fonts.conf": sha256(FONTS.read_bytes()).hexdigest(),
        "renderer": _renderer_digest(),
    }
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = ABSENT
    for name, library in _LIBRARIES.items():
        loaded = _load(library)
        found[name] = library.version(loaded) if loaded else ABSENT
    return tuple(sorted(found.items()))


def describe() -> dict[str, str]:
    """Return what is installed, by name: versions, and digests of what has none."""
    return dict(_described())


@lru_cache(maxsize=1)
def digest() -> str:
    """Return the environment digest: SHA-256 in hexadecimal of the RFC 8785 form of ``describe()``."""
    return sha256(rfc8785.dumps(describe())).hexdigest()


def missing() -> list[str]:
    """Return what this machine lacks, each as one sentence with the command that mends it."""
    lacking = [
        f"{library.soname} is not installed: {library.if_absent}. "
        f"Run: apt-get install --yes {library.package}"
        for library in _LIBRARIES.values()
        if not _load(library)
    ]
    if not any(font_files()):
        lacking.append(
            "No fonts are installed: letters that a template's own fonts lack stay blank. "
            "Run: apt-get install --yes fonts-dejavu-core fonts-droid-fallback"
        )
    return lacking


def font_files() -> list[Path]:
    """Return the files in the folders that render processes take fonts from, in their order."""
    folders = [Path(each.text or "") for each in ElementTree.parse(FONTS).iter("dir")]  # noqa: S314  # own file
    return [
        path
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    ]


def _fonts_digest() -> str:
    found = {}
    for path in font_files():
        with path.open("rb") as file:
            found[str(path)] = file_digest(file, "sha256").hexdigest()
    return sha256(rfc8785.dumps(found)).hexdigest()


def _renderer_digest() -> str:
    sources = {name: sha256(FONTS.with_name(name).read_bytes()).hexdigest() for name in _RENDERER}
    return sha256(rfc8785.dumps(sources)).hexdigest()


def _load(library: _Library) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(library.soname)
    except OSError:
        return None
