"""What a log is about, as it is now, beside the chains of its entries."""

from collections.abc import AsyncIterator, Mapping


class Subjects:
    """What a log is about, as it is now, in the order of ids."""

    def __init__(self, rows: AsyncIterator[tuple[str, Mapping[str, str]]]) -> None:
        """Take each with its id, in their order."""
        self._rows = rows
        self._next: tuple[str, Mapping[str, str]] | None = None
        self._begun = False

    async def before(self, subject: str | None) -> list[str]:
        """Return those that come before one, or all that are left."""
        passed = []
        while (here := await self._peek()) is not None and (subject is None or here[0] < subject):
            passed.append(here[0])
            self._next = await anext(self._rows, None)
        return passed

    async def take(self, subject: str) -> Mapping[str, str] | None:
        """Return this one, if it is the next; None if it is not there."""
        here = await self._peek()
        if here is None or here[0] != subject:
            return None
        self._next = await anext(self._rows, None)
        return here[1]

    async def _peek(self) -> tuple[str, Mapping[str, str]] | None:
        if not self._begun:
            self._begun, self._next = True, await anext(self._rows, None)
        return self._next
