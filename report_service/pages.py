"""Pages of lists that are ordered by an id alone."""

from uuid import UUID

from services import paging


def place(asked: paging.PageRequest) -> UUID | None:
    """Return the id after which a page begins, None for the first; raises InvalidArgument."""
    if asked.after is None:
        return None
    try:
        (last,) = asked.after
        return UUID(last)
    except ValueError:
        raise paging.foreign_token() from None
