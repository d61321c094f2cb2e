"""Print the Debian packages of shared libraries and fonts that rendering needs and this system lacks."""

import ctypes
from pathlib import Path

# What WeasyPrint loads by name, and what it is shipped in.
LIBRARIES = {
    "libgobject-2.0.so.0": "libglib2.0-0",
    "libpango-1.0.so.0": "libpango-1.0-0",
    "libpangoft2-1.0.so.0": "libpangoft2-1.0-0",
    "libharfbuzz.so.0": "libharfbuzz0b",
    # Not needed to render, but pages take seven times as long without it.
    "libharfbuzz-subset.so.0": "libharfbuzz-subset0",
    "libfontconfig.so.1": "libfontconfig1",
}
FONTS = ("/usr/share/fonts", "/usr/local/share/fonts")
# For the letters that a template's own fonts lack: most alphabets, and Chinese, Japanese and Korean.
FONT_PACKAGES = ("fonts-dejavu-core", "fonts-droid-fallback")


def missing() -> list[str]:
    """Return the packages to install, each once."""
    packages = [package for library, package in LIBRARIES.items() if not _loads(library)]
    if not any(font for folder in FONTS for font in Path(folder).glob("**/*.[ot]tf")):
        packages.extend(FONT_PACKAGES)
    return packages


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    print(*missing())
