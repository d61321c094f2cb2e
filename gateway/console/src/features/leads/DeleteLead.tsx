import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { answer, api } from "@/api/client";
import { useIsOperator } from "@/api/session";
import type { Lead } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Choice } from "@/components/Choice";
import { ConfirmButton } from "@/components/ConfirmButton";
import { ErrorNotice } from "@/components/Notice";
import { keepLead, leadQuery } from "./queries";

/** Takes a lead out of the lists. It can be brought back. */
export function DeleteLead({ lead }: { lead: Lead }) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  const remove = useMutation({
    mutationFn: () =>
      answer(
        api.DELETE("/api/leads/{id}", {
          params: { path: { id: lead.id }, header: { "If-Match": lead.etag } },
        }),
      ),
    onSuccess: (deleted) => {
      announce(`Deleted ${lead.email}.`);
      return keepLead(queries, deleted);
    },
    onError: () => queries.invalidateQueries({ queryKey: leadQuery(lead.id).queryKey }),
  });
  if (!useIsOperator() || lead.delete_time) return null;
  return (
    <Choice
      title="Delete"
      action={
        <ConfirmButton
          icon={Trash2}
          busy={remove.isPending}
          sure="Press again to delete"
          onConfirm={() => remove.mutate()}
        >
          Delete the lead
        </ConfirmButton>
      }
    >
      <p>It leaves the lists; nothing is lost, and it can be brought back.</p>
      {remove.error && <ErrorNotice title="The lead was not deleted" error={remove.error} />}
    </Choice>
  );
}
