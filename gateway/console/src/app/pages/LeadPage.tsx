import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useParams, useSearchParams } from "react-router";
import { ApiError } from "@/api/errors";
import { useHasRole } from "@/api/session";
import type { Lead } from "@/api/types";
import { Card } from "@/components/Card";
import { EmptyState, ErrorNotice } from "@/components/Notice";
import { PageHeader } from "@/components/PageHeader";
import { Unread } from "@/components/Unread";
import { AuditTrail } from "@/features/audit/AuditTrail";
import { LegalHold } from "@/features/holds/LegalHold";
import { DeletedLead } from "@/features/leads/DeletedLead";
import { DeleteLead } from "@/features/leads/DeleteLead";
import { EditLead } from "@/features/leads/EditLead";
import { EraseLead } from "@/features/leads/EraseLead";
import { LeadFacts } from "@/features/leads/LeadFacts";
import { LeadIdentity } from "@/features/leads/LeadIdentity";
import { LeadSuggestions } from "@/features/leads/LeadSuggestions";
import { LeadSummary } from "@/features/leads/LeadSummary";
import { LiveState, useIsLive } from "@/features/leads/LiveLeads";
import { LookUp } from "@/features/leads/LookUp";
import { MergedInto } from "@/features/leads/MergedInto";
import { MergeLead } from "@/features/leads/MergeLead";
import { leadQuery } from "@/features/leads/queries";
import { GenerateReport } from "@/features/reports/GenerateReport";
import { ReportTable } from "@/features/reports/ReportTable";
import styles from "../Shell.module.css";
import { PastLeadPage } from "./PastLeadPage";

export function LeadPage() {
  const { id = "" } = useParams();
  const [search] = useSearchParams();
  const at = search.get("as_of");
  const before = useRef(at);
  useEffect(() => {
    // Another time is another screen, though the same path.
    if (before.current !== at) document.getElementById("main")?.focus({ preventScroll: true });
    before.current = at;
  }, [at]);
  return at ? <PastLeadPage key={at} id={id} at={at} /> : <PresentLead id={id} />;
}

function PresentLead({ id }: { id: string }) {
  const { data: lead, error, refetch } = useQuery(leadQuery(id, useIsLive()));
  const back = { to: "/leads", text: "Leads" };
  if (error instanceof ApiError && error.code === 404) {
    return (
      <>
        <PageHeader title="No such lead" back={back} />
        <EmptyState title="There is no such lead">
          It never was, or everything about it was erased. Who erased it and when is in its audit trail.
        </EmptyState>
        <AuditTrail leadId={id} etag={undefined} />
      </>
    );
  }
  if (!lead) {
    return <Unread what="lead" back={back} error={error} retry={refetch} />;
  }
  return (
    <>
      <PageHeader
        title={lead.email}
        back={back}
        actions={
          !lead.delete_time && (
            <>
              <EditLead lead={lead} />
              <LookUp lead={lead} />
              <MergeLead lead={lead} />
              <GenerateReport leadId={lead.id} />
            </>
          )
        }
      >
        <LeadSummary lead={lead} />
        <LiveState />
      </PageHeader>
      {lead.enrichment_status === "FAILED" && (
        <ErrorNotice title="The last look-up failed" error={new Error(lead.enrichment_error)} />
      )}
      {error && <ErrorNotice title="The lead is no longer live" error={error} retry={refetch} />}
      <MergedInto lead={lead} />
      <DeletedLead lead={lead} />
      <ReportTable
        leadId={lead.id}
        empty="“Generate report” makes a PDF of what is known about this lead’s domain."
      />
      <AuditTrail leadId={lead.id} etag={lead.etag} />
      <div className={styles.columns}>
        <div className={styles.column}>
          <LeadSuggestions lead={lead} />
          <LeadFacts lead={lead} />
        </div>
        <div className={styles.column}>
          <LeadIdentity lead={lead} />
          <Keeping lead={lead} />
        </div>
      </div>
    </>
  );
}

/** How long what is known of a lead stays, as far as the person may decide or see it. */
function Keeping({ lead }: { lead: Lead }) {
  const mayDelete = useHasRole("operator") && !lead.delete_time;
  const concerned = useHasRole("auditor", "admin");
  if (!mayDelete && !concerned) return null;
  return (
    <Card title="Keep or remove">
      <DeleteLead lead={lead} />
      <LegalHold leadId={lead.id} />
      <EraseLead lead={lead} />
    </Card>
  );
}
