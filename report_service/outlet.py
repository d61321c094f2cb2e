"""Where a ZIP file is written that leaves while it is made."""


class Outlet:
    """What a ZipFile writes into; it cannot go back, and need not."""

    def __init__(self) -> None:
        """Begin empty."""
        self._pieces: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        """Take the next bytes."""
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: whoever reads takes what is there."""

    def close(self) -> None:
        """Do nothing."""

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
