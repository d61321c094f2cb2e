import { useMutation, useQueryClient } from "@tanstack/react-query";
import { FileArchive, X } from "lucide-react";
import { answer, api } from "@/api/client";
import { useIsOperator } from "@/api/session";
import type { ReportBatch } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { ButtonFile } from "@/components/Button";
import { ConfirmButton } from "@/components/ConfirmButton";
import { ErrorNotice } from "@/components/Notice";
import { formatCount } from "@/format";
import { hasEnded } from "./outcome";
import { batchQuery } from "./queries";

/** What can be done about a batch: to cancel it while it is made, to take its PDFs home when it is done. */
export function BatchActions({ batch }: { batch: ReportBatch }) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  const cancel = useMutation({
    mutationFn: () =>
      answer(api.POST("/api/report-batches/{id}:cancel", { params: { path: { id: batch.id } }, body: {} })),
    onSuccess: (now) => {
      announce(`Cancelled. ${formatCount(now.completed)} reports were completed before.`);
      queries.setQueryData(batchQuery(batch.id).queryKey, now);
      void queries.invalidateQueries({ queryKey: ["batches", "list"] });
      return queries.invalidateQueries({ queryKey: ["reports"] });
    },
  });
  const operator = useIsOperator();
  return (
    <>
      {operator && !hasEnded(batch) && (
        <ConfirmButton
          icon={X}
          busy={cancel.isPending}
          sure="Press again to cancel the rest"
          onConfirm={() => cancel.mutate()}
        >
          Cancel the rest
        </ConfirmButton>
      )}
      {batch.zip_url && (
        <ButtonFile variant="primary" icon={FileArchive} href={batch.zip_url} download>
          Download ZIP
        </ButtonFile>
      )}
      {cancel.error && <ErrorNotice title="The batch was not cancelled" error={cancel.error} />}
    </>
  );
}
