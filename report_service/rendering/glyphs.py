r"""Which characters can be set here at all, and what stands in for the others.

A character that neither the bundle's fonts nor the machine's have would be printed as an empty box
that tells nothing. It is written as its number instead, such as ``\u4F60``: visible, exact, and the
same wherever the environment is.
"""

import ctypes
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from io import BytesIO

from fontTools.ttLib import TTFont  # type: ignore[import-untyped]  # ships no types

_FC_CHARSET = b"charset"

# Default ignorable code points outside category Cf (Unicode, DerivedCoreProperties): they shape
# their neighbours and have no look of their own.
_INVISIBLE = frozenset(
    (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164, 0xFFA0)
).union(range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))


class Glyphs:
    """The characters of a bundle's own fonts together with those of the machine."""

    def __init__(self, fonts: Iterable[bytes], *, machine: bool = True) -> None:
        """Read which characters the fonts have; leave the machine's out to judge a bundle alone."""
        self._own = frozenset[int]().union(*map(characters_of, fonts))
        self._machine = machine
        self.lacking: set[str] = set()
        """Characters that were written as numbers."""

    @property
    def replaced(self) -> int:
        """How many different characters were written as numbers; a page can say that there are any."""
        return len(self.lacking)

    def has(self, character: str) -> bool:
        """Whether the character can be set, or needs no glyph."""
        code = ord(character)
        return (
            code in self._own
            or code in _INVISIBLE
            or unicodedata.category(character) in ("Cc", "Cf")
            or (self._machine and _machine_has(code))
        )

    def settable(self, text: str) -> str:
        """Return the text with each character that no font has written as its number."""
        if text.isascii():
            return text
        return "".join(each if self.has(each) else self._number(each) for each in text)

    def _number(self, character: str) -> str:
        self.lacking.add(character)
        return f"\\u{ord(character):04X}"


def characters_of(font: bytes) -> frozenset[int]:
    """Return the code points that a font file has glyphs for; raises an error of fontTools if it is none."""
    with TTFont(BytesIO(font), lazy=True) as opened:
        return frozenset(opened.getBestCmap() or ())


@lru_cache(maxsize=8192)
def _machine_has(code: int) -> bool:
    library, charset = _machine()
    return bool(charset and library.FcCharSetHasChar(charset, code))


@lru_cache(maxsize=1)
def _machine() -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    """Return fontconfig and the union of what the fonts of its configuration have.

    Pango falls back on any of these fonts, so what is in the union gets a glyph. Fontconfig has the
    sets in its cache: no font is opened for this.
    """
    library = ctypes.CDLL("libfontconfig.so.1")
    for name in ("FcCharSetCreate", "FcPatternCreate", "FcObjectSetCreate", "FcFontList"):
        getattr(library, name).restype = ctypes.c_void_p
    library.FcFontList.argtypes = [ctypes.c_void_p] * 3
    library.FcObjectSetAdd.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    library.FcPatternGetCharSet.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p]
    library.FcCharSetMerge.argtypes = [ctypes.c_void_p] * 3
    library.FcCharSetHasChar.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    for name in ("FcFontSetDestroy", "FcPatternDestroy", "FcObjectSetDestroy"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
        getattr(library, name).restype = None
    union = ctypes.c_void_p(library.FcCharSetCreate())
    every, wanted = library.FcPatternCreate(), library.FcObjectSetCreate()
    library.FcObjectSetAdd(wanted, _FC_CHARSET)
    fonts = library.FcFontList(None, every, wanted)
    if fonts:
        found = ctypes.cast(fonts, ctypes.POINTER(_FontSet)).contents
        for index in range(found.nfont):
            charset = ctypes.c_void_p()
            if library.FcPatternGetCharSet(found.fonts[index], _FC_CHARSET, 0, ctypes.byref(charset)) == 0:
                library.FcCharSetMerge(union, charset, None)
        library.FcFontSetDestroy(fonts)
    library.FcObjectSetDestroy(wanted)
    library.FcPatternDestroy(every)
    return library, union


class _FontSet(ctypes.Structure):
    _fields_ = (
        ("nfont", ctypes.c_int),
        ("sfont", ctypes.c_int),
        ("fonts", ctypes.POINTER(ctypes.c_void_p)),
    )
