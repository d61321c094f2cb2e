"""The process that answers RPCs: ``report``."""

from functools import partial

from protos.leadfactory.report.v1 import (
    assurance_pb2,
    assurance_pb2_grpc,
    audit_pb2,
    audit_pb2_grpc,
    report_pb2,
    report_pb2_grpc,
    template_pb2,
    template_pb2_grpc,
    webhook_pb2,
    webhook_pb2_grpc,
)
from report_service.assurance.domain import Environment
from report_service.assurance.repository import PostgresAssuranceStore
from report_service.assurance.reproduction import Workbench
from report_service.assurance.runs import Runs
from report_service.assurance.servicer import AssuranceServicer
from report_service.audit import notes
from report_service.audit.repository import PostgresAuditStore
from report_service.audit.servicer import ReportAuditServicer
from report_service.batch_repository import PostgresBatchStore
from report_service.inputs import CapturedInputs
from report_service.library.repository import PostgresTemplateStore
from report_service.library.servicer import TemplateServicer
from report_service.library.shelf import Shelf
from report_service.library.versions import Library
from report_service.objects import StoredObjects
from report_service.outbox import PostgresOutboxStore
from report_service.peers import LeadPeer, LineagePeer
from report_service.redaction import Redaction
from report_service.rendering import environment
from report_service.rendering.standby import StandbyPool
from report_service.servicer import Limits, ReportServicer
from report_service.session import ReportSession
from report_service.settings import ServerSettings
from report_service.webhooks.endpoints import Webhooks
from report_service.webhooks.repository import PostgresWebhookStore
from report_service.webhooks.servicer import WebhookServicer
from report_service.webhooks.signing import Vault
from services import schema, server
from services.channels import open_channel
from services.clock import utc_now
from services.database import Database, UnitsOfWork
from services.egress.post import Reach
from services.egress.resolver import Resolver

PROCESS = "report"
# Whoever has a report made again waits behind those who have one made.
REPRODUCTIONS_WAITING = 8
# What a DNS question about a webhook's host may take.
DNS_SECONDS = 4.0


async def serve(settings: ServerSettings) -> None:
    """Answer RPCs until told to stop."""
    database = Database(
        settings.report_database_url,
        name=PROCESS,
        pool_size=settings.report_database_connections,
        session_class=ReportSession,
    )
    key = settings.redaction_key.get_secret_value() if settings.redaction_key else ""
    lead_channel = open_channel(settings.lead_service_address, settings)
    lineage_channel = open_channel(settings.lineage_service_address, settings)
    stores = UnitsOfWork(database, PostgresBatchStore)
    templates = UnitsOfWork(database, PostgresTemplateStore)
    audits = UnitsOfWork(database, PostgresAuditStore)
    objects = StoredObjects(settings.objects_url)
    shelf = Shelf(templates, objects)
    lineages = LineagePeer(lineage_channel)
    studio = StandbyPool()
    press = StandbyPool(
        REPRODUCTIONS_WAITING,
        what="reports",
        reason="REPRODUCTIONS_BUSY",
    )
    reports = ReportServicer(
        stores,
        UnitsOfWork(database, PostgresOutboxStore),
        LeadPeer(lead_channel),
        objects,
        lineages,
        redaction=Redaction(key),
        limits=Limits(
            settings.report_queue_limit, settings.report_batch_limit, settings.report_batch_queue_limit
        ),
        clock=utc_now,
        templates=shelf,
    )
    library = TemplateServicer(
        Library(templates, objects, shelf, utc_now),
        studio,
        CapturedInputs(stores, lineages),
    )
    runs = Runs(
        Workbench(
            reports=stores,
            assurances=UnitsOfWork(database, PostgresAssuranceStore),
            lineages=lineages,
            objects=objects,
            shelf=shelf,
            turns=press,
            environment=Environment(environment.digest(), environment.describe()),
        )
    )
    webhooks = WebhookServicer(
        Webhooks(
            UnitsOfWork(database, PostgresWebhookStore),
            Vault(settings.webhook_key.get_secret_value()) if settings.webhook_key else None,
            Reach(settings.webhook_ports, settings.webhook_allowed_networks),
            Resolver(settings.webhook_nameservers, timeout_seconds=DNS_SECONDS),
        )
    )
    await server.serve(
        settings,
        process=PROCESS,
        services=[
            server.Service(
                report_pb2.DESCRIPTOR.services_by_name["ReportService"],
                report_pb2_grpc.add_ReportServiceServicer_to_server,
                reports,
            ),
            server.Service(
                template_pb2.DESCRIPTOR.services_by_name["TemplateService"],
                template_pb2_grpc.add_TemplateServiceServicer_to_server,
                library,
            ),
            server.Service(
                assurance_pb2.DESCRIPTOR.services_by_name["AssuranceService"],
                assurance_pb2_grpc.add_AssuranceServiceServicer_to_server,
                AssuranceServicer(runs, lineages, utc_now),
            ),
            server.Service(
                webhook_pb2.DESCRIPTOR.services_by_name["WebhookService"],
                webhook_pb2_grpc.add_WebhookServiceServicer_to_server,
                webhooks,
            ),
            server.Service(
                audit_pb2.DESCRIPTOR.services_by_name["ReportAuditService"],
                audit_pb2_grpc.add_ReportAuditServiceServicer_to_server,
                ReportAuditServicer(audits, utc_now),
            ),
        ],
        ready=partial(schema.check, "report_service", database),
        on_refusal=notes.noting(audits, utc_now),
    )
    await studio.close()
    await runs.close()
    await press.close()
    shelf.close()
    await lead_channel.close()
    await lineage_channel.close()
    await database.close()
