"""What a message says: ids, the status, digests and links; nothing about a person."""

import json
from datetime import UTC, datetime
from typing import Any

from report_service.webhooks.domain import Delivery, Event

CONTENT_TYPE = "application/json"


def message_id(delivery: Delivery) -> str:
    """Return the same for every attempt, so that a receiver knows a message that it has."""
    return f"msg_{delivery.id}"


def body(delivery: Delivery, public_url: str) -> bytes:
    """Return a message's bytes, the same for every attempt while PUBLIC_URL is.

    Without a ``public_url`` links are paths at the gateway.
    """
    data: dict[str, Any] = {**delivery.facts, "links": _links(delivery, public_url)}
    message = {"type": delivery.event, "timestamp": _instant(delivery.occurred_at), "data": data}
    return json.dumps(message, separators=(",", ":")).encode()


def _links(delivery: Delivery, root: str) -> dict[str, str]:
    facts = delivery.facts
    match delivery.event:
        case Event.REPORT_COMPLETED | Event.REPORT_FAILED:
            report = f"{root}/api/reports/{facts['report_id']}"
            links = {"report": report, "lineage": f"{root}/api/lineage/{facts['report_id']}"}
            return links | ({"pdf": f"{report}/pdf"} if delivery.event is Event.REPORT_COMPLETED else {})
        case Event.BATCH_ENDED:
            batch = f"{root}/api/report-batches/{facts['batch_id']}"
            return {"batch": batch, "zip": f"{batch}/zip"}
        case Event.TEST:
            return {"endpoint": f"{root}/api/webhooks/{delivery.endpoint_id}"}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
