"""How much faster the compiled JSON codec is than protobuf's own, for a page of leads."""

import time
import timeit
from collections.abc import Callable
from typing import Any

from google.protobuf import json_format

from gateway import contract
from gateway.transcoding.codec import Codec, class_of
from tests.performance.conftest import Note

LEADS = 50


def page() -> Any:
    kind = contract.image().message("leadfactory.lead.v1.ListLeadsResponse")
    assert kind is not None
    made: Any = class_of(kind)()
    for number in range(LEADS):
        lead = made.leads.add(id=f"0192f0c1-0000-7000-8000-{number:012}", email=f"lead{number}@example.com")
        lead.enrichment_status = 3
        lead.created_at.FromSeconds(1_700_000_000 + number)
        lead.updated_at.FromMilliseconds(1_700_000_000_123 + number)
    return made


def best(work: Callable[[], object]) -> float:
    """Milliseconds of processor time of the fastest of several rounds."""
    return min(timeit.repeat(work, timer=time.process_time, number=20, repeat=5)) / 20 * 1000


def test_the_compiled_codec_earns_its_place(note: Note) -> None:
    codec, message = Codec(contract.image()), page()
    text = codec.write(message)
    pool = contract.image().pool
    found = {
        "print": (
            best(lambda: codec.write(message)),
            best(
                lambda: json_format.MessageToJson(
                    message,
                    preserving_proto_field_name=True,
                    always_print_fields_with_no_presence=True,
                    descriptor_pool=pool,
                )
            ),
        ),
        "read": (
            best(lambda: codec.read(text, type(message)())),
            best(lambda: json_format.Parse(text, type(message)(), descriptor_pool=pool)),
        ),
    }
    for name, (ours, reference) in found.items():
        assert ours < reference
        note(f"codec: {name} {LEADS} leads", ours, "ms")
        note(f"codec: {name} {LEADS} leads, json_format", reference, "ms")
