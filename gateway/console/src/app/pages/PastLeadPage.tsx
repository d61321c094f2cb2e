import { useQuery } from "@tanstack/react-query";
import { ErrorNotice, Skeleton } from "@/components/Notice";
import { PageHeader } from "@/components/PageHeader";
import { AuditTrail } from "@/features/audit/AuditTrail";
import { useIsLive } from "@/features/leads/LiveLeads";
import { PastBanner } from "@/features/leads/PastBanner";
import { PastLead } from "@/features/leads/PastLead";
import { leadQuery, pastLeadQuery } from "@/features/leads/queries";

/** A lead as it was at the moment that the address names. Nothing can be done to the past. */
export function PastLeadPage({ id, at }: { id: string; at: string }) {
  const { data: then, error, refetch } = useQuery(pastLeadQuery(id, at));
  const { data: now } = useQuery(leadQuery(id, useIsLive()));
  return (
    <>
      <PageHeader
        title={then?.email || (then ? "A lead whose address is erased" : "Lead")}
        back={{ to: "/leads", text: "Leads" }}
      >
        {then?.domain}
      </PageHeader>
      <PastBanner at={at}>Read-only. What is different now is marked.</PastBanner>
      {error && <ErrorNotice title="The lead cannot be shown as it was then" error={error} retry={refetch} />}
      {!then && !error && <Skeleton lines={8} label="Reading the lead as it was" />}
      {then && <PastLead then={then} now={now} />}
      <AuditTrail leadId={id} etag={now?.etag} />
    </>
  );
}
