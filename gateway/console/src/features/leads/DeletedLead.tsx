import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ArchiveRestore, Trash2 } from "lucide-react";
import { answer, api } from "@/api/client";
import { useIsOperator } from "@/api/session";
import type { Lead } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { ErrorNotice } from "@/components/Notice";
import { Timestamp } from "@/components/Timestamp";
import styles from "./edit.module.css";
import { keepLead } from "./queries";

/** Says that a lead is deleted, and brings it back. One that was merged has another way back. */
export function DeletedLead({ lead }: { lead: Lead }) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  const undelete = useMutation({
    mutationFn: () =>
      answer(
        api.POST("/api/leads/{id}:undelete", {
          params: { path: { id: lead.id } },
          body: { etag: lead.etag },
        }),
      ),
    onSuccess: (back) => {
      announce(`${back.email} is back.`);
      return keepLead(queries, back);
    },
  });
  const operator = useIsOperator();
  if (!lead.delete_time || lead.merged_into) return null;
  return (
    <section className={styles.deleted} aria-label="Deleted">
      <Trash2 aria-hidden size={18} />
      <span>
        This lead was deleted <Timestamp value={lead.delete_time} />. Nothing of it is lost.
      </span>
      {operator && (
        <Button icon={ArchiveRestore} busy={undelete.isPending} onClick={() => undelete.mutate()}>
          Bring it back
        </Button>
      )}
      {undelete.error && <ErrorNotice title="It stays deleted" error={undelete.error} />}
    </section>
  );
}
