"""The settings as docs/operations.md lists them, read from the settings classes themselves.

``python -m tests.deploy.settings_table`` writes them there anew.
"""

from pathlib import Path

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from services.settings import ServiceSettings
from tests.deploy.manifests import MIGRATIONS, PROCESSES

PAGE = Path(__file__).parents[2] / "docs/operations.md"
BEGIN, END = "<!-- settings -->\n", "<!-- /settings -->\n"
# Defaults that depend on the machine.
COMPUTED = {"render_workers": "number of CPUs"}


def tables() -> str:
    """Return a table of what all processes have in common, and one for each process's own."""
    common = set(ServiceSettings.model_fields)
    parts = [_table("Every process", dict(ServiceSettings.model_fields))]
    for process, settings in (PROCESSES | MIGRATIONS).items():
        own = {name: field for name, field in settings.model_fields.items() if name not in common}
        parts.append(_table(f"`{process}`", own))
    return "\n".join(parts)


def written() -> str:
    """Return the tables as the page has them."""
    return PAGE.read_text().partition(BEGIN)[2].partition(END)[0]


def main() -> None:
    """Put the tables into the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + tables() + END + rest.partition(END)[2])


def _table(title: str, fields: dict[str, FieldInfo]) -> str:
    rows = [
        f"| {_name(name, field)} | {_default(name, field)} | {field.description} |"
        for name, field in fields.items()
    ]
    return "\n".join([f"**{title}**\n", "| setting | default | meaning |", "|---|---|---|", *rows, ""])


def _name(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    names = alias.choices if isinstance(alias, AliasChoices) else [name]
    return ", else ".join(f"`{str(each).upper()}`" for each in names)


def _default(name: str, field: FieldInfo) -> str:
    if name in COMPUTED:
        return COMPUTED[name]
    if field.is_required():
        return "required"
    if field.default in (None, "", ()):
        return "none"
    if isinstance(field.default, (tuple, frozenset)):
        return f"`{','.join(map(str, sorted(field.default)))}`"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


if __name__ == "__main__":
    main()
