"""What PostgreSQL's planner says of a statement, without running it."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ClauseElement, Executable, Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler


class Explained(Executable, ClauseElement):
    """The plan of a statement, as JSON, instead of its rows."""

    inherit_cache = False

    def __init__(self, statement: Select[Any]) -> None:
        """Take the statement, which is planned and not run."""
        self.statement = statement


async def estimated_rows(
    session: AsyncSession, statement: Select[Any], values: Mapping[str, Any] | None = None
) -> int:
    """Return how many rows the planner expects; that costs no more than planning does."""
    plan = await session.scalar(Explained(statement), values)
    (found,) = json.loads(plan) if isinstance(plan, str) else plan
    return int(found["Plan"]["Plan Rows"])


@compiles(Explained)
def _explain(element: Explained, compiler: SQLCompiler, **keywords: Any) -> str:
    return "EXPLAIN (FORMAT JSON) " + compiler.process(element.statement, **keywords)
