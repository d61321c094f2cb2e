"""A zoo: a service of the tests' own, made from a descriptor image and never from generated code."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import uvicorn
from google.protobuf.message import Message
from google.rpc import status_pb2
from grpc_tools import protoc

from gateway.transcoding import Image, Options, Transcoder
from gateway.transcoding.codec import Codec, class_of

HERE = Path(__file__).parent
SITE_PACKAGES = Path(httpx.__file__).parent.parent
WELL_KNOWN = Path(protoc.__file__).parent / "_proto"


def compile_image(*sources: Path) -> Image:
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "image.binpb"
        arguments = [f"-I{sources[0].parent}", f"-I{SITE_PACKAGES}", f"-I{WELL_KNOWN}"]
        arguments += ["--include_imports", "--include_source_info", f"--descriptor_set_out={target}"]
        assert protoc.main(["protoc", *arguments, *map(str, sources)]) == 0
        return Image(target.read_bytes())


def compile_text(text: str) -> Image:
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "text.proto"
        source.write_text(text)
        return compile_image(source)


IMAGE = compile_image(HERE / "zoo.proto", HERE / "old.proto")


def new(name: str, /, **values: Any) -> Any:
    kind = IMAGE.message(name if "." in name else f"zoo.v1.{name}")
    assert kind is not None
    return class_of(kind)(**values)


@pytest.fixture(scope="session")
def codec() -> Codec:
    return Codec(IMAGE)


Handler = Callable[[Any, Any], Any]


@dataclass
class Zoo(grpc.GenericRpcHandler):  # type: ignore[misc]
    """A gRPC service whose methods the test writes, and what it was asked."""

    handlers: dict[str, Handler] = field(default_factory=dict)
    requests: list[Any] = field(default_factory=list)
    metadata: dict[str, str | bytes] = field(default_factory=dict)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    options: Options = field(default_factory=Options)
    channel: Any = None

    def on(self, method: str, handler: Handler) -> None:
        self.handlers[method] = handler

    def transcoder(self, **options: Any) -> Transcoder:
        return Transcoder(IMAGE, {"zoo.v1.Zoo": self.channel}, Options(error_domain="zoo", **options))

    def client(self, **options: Any) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.transcoder(**options))
        return httpx.AsyncClient(transport=transport, base_url="http://zoo")

    def service(self, details: Any) -> Any:
        name = details.method.rpartition("/")[2]
        rpc = IMAGE.pool.FindServiceByName("zoo.v1.Zoo").methods_by_name[name]
        handler = self.handlers.get(name)
        if handler is None:
            return None

        def note(request: Any, context: Any) -> None:
            self.requests.append(request)
            self.metadata = dict(context.invocation_metadata())

        async def unary(request: Any, context: Any) -> Message:
            note(request, context)
            try:
                result = handler(request, context)
                return await result if isinstance(result, Awaitable) else result
            finally:
                self.ended.set()

        async def stream(request: Any, context: Any) -> AsyncIterator[Message]:
            note(request, context)
            try:
                async for each in handler(request, context):
                    yield each
            finally:
                self.ended.set()

        codings = {
            "request_deserializer": class_of(rpc.input_type).FromString,
            "response_serializer": lambda message: message.SerializeToString(),
        }
        if rpc.client_streaming:
            return grpc.stream_unary_rpc_method_handler(unary, **codings)
        if rpc.server_streaming:
            return grpc.unary_stream_rpc_method_handler(stream, **codings)
        return grpc.unary_unary_rpc_method_handler(unary, **codings)


@pytest.fixture
async def zoo() -> AsyncIterator[Zoo]:
    server = grpc.aio.server()
    zoo = Zoo()
    server.add_generic_rpc_handlers([zoo])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        zoo.channel = channel
        yield zoo
    await server.stop(0)


class Listener(uvicorn.Server):
    """A server that says when it listens and leaves signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def listening(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Serve the application on a real socket."""
    config = uvicorn.Config(app, port=0, log_level="error", http="httptools", lifespan="off")
    server = Listener(config)
    running = asyncio.create_task(server.serve())
    await server.listening.wait()
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        yield client
    server.should_exit = True
    await running


async def body(*pieces: bytes, content_type: str = "image/png", **metadata: str) -> AsyncIterator[Any]:
    for at, piece in enumerate(pieces):
        yield new("google.api.HttpBody", content_type="" if at else content_type, data=piece)


def status(code: int, message: str, *details: Any) -> status_pb2.Status:
    made = status_pb2.Status(code=code, message=message)
    for detail in details:
        made.details.add().Pack(detail)
    return made
