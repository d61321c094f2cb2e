import type { Lead } from "@/api/types";
import { Badge } from "@/components/Status";
import { EnrichmentState } from "./EnrichmentState";

/** The line under a lead's name: its domain and how far enrichment is. */
export function LeadSummary({ lead }: { lead: Lead }) {
  return (
    <>
      <span>{lead.domain}</span>
      <EnrichmentState lead={lead} />
      {lead.is_manual && <Badge>manual</Badge>}
    </>
  );
}
