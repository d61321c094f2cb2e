"""Compile the protos: Python code beside each source, and one descriptor image of them all.

Run by ``make protos``. The output is a function of the sources and of the pinned compiler alone,
so ``make check`` can regenerate and compare.
"""

import re
import subprocess
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path

from google.protobuf import descriptor_pb2
from protovalidate._gen.buf.validate import validate_pb

PROTOS = Path(__file__).parent
IMAGE = PROTOS / "leadfactory.binpb"
VALIDATE = "buf/validate/validate.proto"

# Sources name each other as the world does (`leadfactory/lead/v1/lead.proto`), while Python finds
# them below this package; protoc has no option for that, so the import lines are moved.
IMPORT = re.compile(r"^(from|import) (?=(?:leadfactory|buf)\.)", re.MULTILINE)


def main() -> int:
    """Generate everything anew and return protoc's exit status."""
    for stale in PROTOS.glob("**/*_pb2*.py*"):
        stale.unlink()
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.glob("leadfactory/**/*.proto"))
    with tempfile.TemporaryDirectory() as scratch:
        options = Path(scratch, "options.binpb")
        options.write_bytes(_validate_descriptors().SerializeToString(deterministic=True))
        protoc = [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"--descriptor_set_in={options}",
            f"--proto_path={PROTOS}",
            f"--proto_path={distribution('googleapis-common-protos').locate_file('')}",
        ]
        status = subprocess.run(
            [
                *protoc,
                f"--python_out={PROTOS}",
                f"--mypy_out={PROTOS}",
                *sources,
                VALIDATE,
            ],
            check=False,
        ).returncode
        status = (
            status
            or subprocess.run(
                [
                    *protoc,
                    f"--grpc_python_out={PROTOS}",
                    f"--mypy_grpc_out={PROTOS}",
                    "--include_imports",
                    "--include_source_info",
                    f"--descriptor_set_out={IMAGE}",
                    *sources,
                ],
                check=False,
            ).returncode
        )
    for generated in PROTOS.glob("**/*_pb2*.py*"):
        text = generated.read_text()
        generated.write_text(IMPORT.sub(r"\1 protos.", text))
    for empty in PROTOS.glob("**/*_pb2_grpc.py*"):
        if "Stub" not in empty.read_text():
            empty.unlink()
    return status


def _validate_descriptors() -> descriptor_pb2.FileDescriptorSet:
    """Return validate.proto with its imports; its wheel ships the descriptor but not the source."""
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}

    def add(descriptor) -> None:  # type: ignore[no-untyped-def]  # protobuf-py has no public type for it
        for dependency in descriptor.dependencies:
            add(dependency)
        files[descriptor.name] = descriptor_pb2.FileDescriptorProto.FromString(descriptor.proto.to_binary())

    add(validate_pb.desc())
    return descriptor_pb2.FileDescriptorSet(file=files.values())


if __name__ == "__main__":
    sys.exit(main())
