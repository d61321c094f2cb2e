import type { Lead } from "@/api/types";
import { Card, Details } from "@/components/Card";
import { Copyable } from "@/components/Copyable";
import { Timestamp } from "@/components/Timestamp";

/** Who the lead is, and how it came to be here. */
export function LeadIdentity({ lead }: { lead: Lead }) {
  return (
    <Card title="Identity">
      <Details
        items={[
          ["E-mail", lead.email],
          ["Domain", lead.domain],
          ["Name", lead.name || undefined],
          ["Lead ID", <Copyable key="id" value={lead.id} label="lead ID" />],
          ["Origin", lead.is_manual ? "Added by hand" : "Imported"],
          ["Added by", lead.created_by],
          ["Added", <Timestamp key="added" value={lead.created_at} />],
          ["Enriched", lead.enriched_at && <Timestamp key="enriched" value={lead.enriched_at} />],
          [
            "Enrichment job",
            lead.enrichment_task_id ? (
              <Copyable key="job" value={lead.enrichment_task_id} label="enrichment job ID" />
            ) : undefined,
          ],
        ]}
      />
    </Card>
  );
}
