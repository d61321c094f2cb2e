import { useMutation, useQueryClient } from "@tanstack/react-query";
import { SearchCheck } from "lucide-react";
import { answer, api } from "@/api/client";
import { useIsOperator } from "@/api/session";
import type { Lead } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { ErrorNotice } from "@/components/Notice";
import { isBeingEnriched, keepLead } from "./queries";

/** Asks for another look-up of the lead's domain; while one is under way there is nothing to ask for. */
export function LookUp({ lead }: { lead: Lead }) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  const ask = useMutation({
    mutationFn: () =>
      answer(api.POST("/api/leads/{id}:enrich", { params: { path: { id: lead.id } }, body: {} })),
    onSuccess: (asked) => {
      announce(`Looking up ${asked.domain}.`);
      return keepLead(queries, asked);
    },
  });
  if (!useIsOperator() || lead.delete_time) return null;
  const busy = ask.isPending || isBeingEnriched(lead);
  const label = lead.enrichment_task_id ? "Look up again" : "Look up";
  return (
    <>
      <Button icon={SearchCheck} busy={busy} onClick={() => ask.mutate()}>
        {busy ? "Looking up" : label}
      </Button>
      {ask.error && <ErrorNotice title="The domain was not looked up" error={ask.error} />}
    </>
  );
}
