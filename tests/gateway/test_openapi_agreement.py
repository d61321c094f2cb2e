"""Promise: the OpenAPI document names the routes that an independent generator finds in the same protos.

The generator is grpc-gateway's `protoc-gen-swagger`, which Debian has as `golang-grpc-gateway`.
"""

import json
import os
import shutil
import subprocess
from importlib import resources
from itertools import groupby

import pytest
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from gateway import contract

GENERATOR = shutil.which("protoc-gen-swagger")
Routes = dict[tuple[str, str], set[str]]
"""Names of query parameters by path and verb."""


@pytest.mark.skipif(
    GENERATOR is None and "CI" not in os.environ, reason="Debian's golang-grpc-gateway is not installed"
)
def test_paths_verbs_and_query_names_are_those_that_grpc_gateway_finds() -> None:
    ours, theirs = routes(contract.document()), generated()
    assert ours.keys() == theirs.keys()
    assert len(ours) > 60
    # The generator names no query parameters beside a body; those of ours are the other tests' matter.
    silent = {route for route in ours if route[1] in ("post", "put", "patch")}
    assert {route: ours[route] for route in ours.keys() - silent} == {
        route: theirs[route] for route in theirs.keys() - silent
    }
    assert all(theirs[route] <= ours[route] for route in silent)


def routes(document: dict[str, dict[str, dict[str, dict[str, list[dict[str, str]]]]]]) -> Routes:
    return {
        (path, verb): {each["name"] for each in operation.get("parameters", []) if each["in"] == "query"}
        for path, operations in document["paths"].items()
        for verb, operation in operations.items()
    }


def generated() -> Routes:
    assert GENERATOR is not None, "install golang-grpc-gateway"
    image = FileDescriptorSet.FromString(resources.files("protos").joinpath("leadfactory.binpb").read_bytes())
    found: Routes = {}
    serving = [each for each in image.file if each.service and each.name.startswith("leadfactory/")]
    # It takes one package at a time.
    for _, files in groupby(serving, key=lambda each: each.package):
        request = CodeGeneratorRequest(parameter="json_names_for_fields=false", proto_file=image.file)
        request.file_to_generate.extend(each.name for each in files)
        answer = subprocess.run(
            [GENERATOR], input=request.SerializeToString(), capture_output=True, check=True
        )
        reply = CodeGeneratorResponse.FromString(answer.stdout)
        assert not reply.error
        for each in reply.file:
            found |= routes(json.loads(each.content))
    return found
