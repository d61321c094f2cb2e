"""A bare gRPC server whose one method returns the bytes that it is given; says its port as services do."""

import asyncio
import json

import grpc
import uvloop

METHOD = "/bench.Echo/Echo"


async def echo(request: bytes, _: object) -> bytes:
    """Return the request."""
    return request


async def serve() -> None:
    """Serve until killed."""
    server = grpc.aio.server()
    _, service, name = METHOD.split("/")
    handler = grpc.method_handlers_generic_handler(service, {name: grpc.unary_unary_rpc_method_handler(echo)})
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(json.dumps({"event": "process.ready", "port": port}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve())
