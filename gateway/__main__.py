"""`python -m gateway` serves; `python -m gateway openapi` prints the OpenAPI document and needs no server."""

import sys

import orjson
import uvloop

from gateway import contract, serving
from gateway.settings import GatewaySettings

USAGE = "usage: python -m gateway [serve | openapi]"


def main(arguments: list[str]) -> None:
    """Do what the arguments say."""
    match arguments:
        case [] | ["serve"]:
            uvloop.run(serving.serve(GatewaySettings.load()))
        case ["openapi"]:
            sys.stdout.buffer.write(orjson.dumps(contract.document(), option=orjson.OPT_INDENT_2) + b"\n")
        case _:
            raise SystemExit(USAGE)


if __name__ == "__main__":
    main(sys.argv[1:])
