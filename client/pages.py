"""Lists that services hand out page by page, as one."""

from typing import Annotated, Any, Protocol, TypeVar

import typer

from client import options
from client.session import Session

Token = Annotated[str, typer.Option("--page-token", help="Go on behind an earlier answer's next_page_token.")]


class Page(Protocol):
    """What every list answers with, beside its rows."""

    next_page_token: str
    total_size_estimate: int


P = TypeVar("P", bound=Page)


def gather(session: Session, method: Any, request: Any, answer: P, rows: str, limit: int) -> P:
    """Put `rows` of as many pages as it takes for `limit` (0 is all) into `answer`, and return that."""
    gathered = getattr(answer, rows)
    while True:
        request.page_size = min(options.PAGE, limit - len(gathered)) if limit else options.PAGE
        page = session.services.ask(method, request)
        gathered.extend(getattr(page, rows))
        answer.next_page_token, answer.total_size_estimate = page.next_page_token, page.total_size_estimate
        if not page.next_page_token or (limit and len(gathered) >= limit):
            return answer
        request.page_token = page.next_page_token


def tell_of_more(session: Session, answer: Page, count: int) -> None:
    """Say so, to people, if there is more than what was listed."""
    if answer.next_page_token and not session.output.as_json:
        known = max(answer.total_size_estimate, count)
        session.output.note(f"{count} of about {known}; --limit 0 shows all.")
