"""Who may call which RPC as docs/security.md lists it, read from the access option of every method.

``python -m tests.deploy.access_table`` writes it there anew.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor import MethodDescriptor

from gateway import contract
from gateway.transcoding.bindings import bindings
from protos.leadfactory.options.v1 import access_pb2

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/security.md"
BEGIN, END = "<!-- access -->\n", "<!-- /access -->\n"
ROLES = ("viewer", "operator", "auditor", "admin")
CODE = [
    importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    for path in sorted((ROOT / "protos/leadfactory").rglob("*_pb2*.py"))
]
"""What was generated from every proto."""
SERVICES = [
    service
    for module in CODE
    if hasattr(module, "DESCRIPTOR")
    for service in module.DESCRIPTOR.services_by_name.values()
]
_YES, _NO = "yes", "-"


def methods() -> Iterator[MethodDescriptor]:
    """Yield every RPC of every service."""
    for service in SERVICES:
        yield from service.methods


def table() -> str:
    """Return the table as the options have it."""
    head = ["RPC", "over HTTP", *ROLES, "processes"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    ways: dict[str, list[str]] = {}
    for each in bindings(contract.image()):
        ways.setdefault(each.rpc.full_name, []).append(f"`{each.method} {each.template.text}`")
    for method in methods():
        rule = method.GetOptions().Extensions[access_pb2.access]
        roles = {access_pb2.Access.Role.Name(role).lower() for role in rule.roles}
        cells = [
            f"`{method.containing_service.name}.{method.name}`",
            " ".join(ways.get(method.full_name, [])) or _NO,
            *(_YES if role in roles else _NO for role in ROLES),
            " ".join(f"`{name}`" for name in rule.workloads) or _NO,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def written() -> str:
    """Return the table as the page has it."""
    return PAGE.read_text().partition(BEGIN)[2].partition(END)[0]


def admitted() -> dict[str, set[str]]:
    """Read the page: by `Service.Method`, the roles and processes that it says are admitted."""
    found = {}
    for line in written().splitlines()[2:]:
        name, _, *roles, processes = (cell.strip() for cell in line.strip("|").split(" | "))
        held = {role for role, cell in zip(ROLES, roles, strict=True) if cell == _YES}
        found[name.strip("`")] = held | ({part.strip("`") for part in processes.split()} - {_NO})
    return found


def main() -> None:
    """Put the table into the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + table() + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
