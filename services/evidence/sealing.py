"""How a worker is told to seal its context's log."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import structlog
from pydantic import BeforeValidator, Field, FilePath
from pydantic_settings import NoDecode

from services.clock import utc_now
from services.evidence.checkpoints import CheckpointFile
from services.evidence.log import Log
from services.evidence.notes import InvalidKey, Signer, VerifierKey
from services.evidence.sequencer import Sealing, Sequencer
from services.settings import InvalidSettings, ServiceSettings

LOG_UNSEALED = "log.unsealed"

log = structlog.get_logger(__name__)


def _keys(text: str) -> tuple[VerifierKey, ...]:
    try:
        return tuple(map(VerifierKey.parse, filter(None, text.split(","))))
    except InvalidKey as error:
        raise ValueError(str(error)) from None


def origin(usual: str) -> Any:
    """Return the field of a log's name, which is another one in each context."""
    return Field(
        default=usual,
        pattern=r"^[^\s+]+$",
        description="The audit log's name, for ever: best a URL of your own without its scheme.",
    )


class SealingSettings(ServiceSettings):
    """Settings of a worker that seals a log; `evidence_origin` is for the context to name."""

    evidence_signing_key_file: FilePath | None = Field(
        default=None,
        description="PEM file (PKCS 8) with the Ed25519 key that signs the audit log's checkpoints; "
        "without it there are none.",
    )
    evidence_origin: str
    evidence_checkpoints_file: Path | None = Field(
        default=None,
        description="File that each checkpoint is also appended to; it belongs on another machine's disk.",
    )
    evidence_former_keys: Annotated[tuple[VerifierKey, ...], NoDecode, BeforeValidator(_keys)] = Field(
        default=(),
        validate_default=False,
        description="Public keys that signed this log before the present one, `name+id+base64,…`.",
    )
    evidence_interval_seconds: float = Field(
        default=0.25,
        gt=0,
        le=10,
        description="Seconds between two checkpoints, as long as there are entries.",
    )


def sealer(
    settings: SealingSettings, sealed: Log, url: str
) -> Callable[[asyncio.Event], Coroutine[Any, Any, None]]:
    """Return the loop that seals the log in a database; without a key, one that says so and does nothing.

    Raises InvalidSettings for a key that is none.
    """
    if settings.evidence_signing_key_file is None:
        return _leave_unsealed
    try:
        signer = Signer.from_pem(settings.evidence_origin, settings.evidence_signing_key_file)
    except InvalidKey as error:
        raise InvalidSettings(f"EVIDENCE_SIGNING_KEY_FILE: {error}") from None
    outside = settings.evidence_checkpoints_file
    sealing = Sealing(
        sealed,
        signer,
        settings.evidence_former_keys,
        CheckpointFile(outside) if outside else None,
        settings.evidence_interval_seconds,
    )
    return Sequencer(url, sealing, utc_now).run


async def _leave_unsealed(stop: asyncio.Event) -> None:
    log.warning(LOG_UNSEALED, setting="EVIDENCE_SIGNING_KEY_FILE")
    await stop.wait()
