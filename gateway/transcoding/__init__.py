"""Serves gRPC services over HTTP and JSON, as their `google.api.http` options say. See README.md."""

from gateway.transcoding.errors import Fault
from gateway.transcoding.image import Image
from gateway.transcoding.options import Options
from gateway.transcoding.transcoder import Transcoder

__all__ = ["Fault", "Image", "Options", "Transcoder"]
