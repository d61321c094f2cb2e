"""Pages of lists that are ordered by an id alone."""

from uuid import UUID

from services.errors import InvalidArgument
from services.paging import PageRequest


def place(asked: PageRequest) -> UUID | None:
    """Return the id after which a page begins, None for the first; raises InvalidArgument."""
    if asked.after is None:
        return None
    try:
        (last,) = asked.after
        return UUID(last)
    except ValueError:
        raise InvalidArgument("page_token", "is not one that a page returned", "PAGE_TOKEN_INVALID") from None
