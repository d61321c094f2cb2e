import { useEffect, useRef } from "react";
import type { Lead } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Status } from "@/components/Status";
import { enrichmentLook } from "./status";

/** How far enrichment is. Says aloud when it changes. */
export function EnrichmentState({ lead }: { lead: Lead }) {
  const announce = useAnnounce();
  const look = enrichmentLook(lead);
  const before = useRef(look.label);
  useEffect(() => {
    if (before.current !== look.label) announce(`${lead.email}: ${look.label}.`);
    before.current = look.label;
  }, [look.label, lead.email, announce]);
  return <Status {...look} />;
}
