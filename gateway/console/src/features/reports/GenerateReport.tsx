import { useMutation, useQueryClient } from "@tanstack/react-query";
import { FileText } from "lucide-react";
import { answer, api } from "@/api/client";
import { useIsOperator } from "@/api/session";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { ErrorNotice } from "@/components/Notice";
import styles from "./reports.module.css";

/** Asks for a report on a lead; it then shows in the lead's list of reports. */
export function GenerateReport({ leadId }: { leadId: string }) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  const generate = useMutation({
    mutationFn: () => answer(api.POST("/api/reports", { body: { lead_id: leadId } })),
    onSuccess: () => {
      announce("Report queued.");
      return queries.invalidateQueries({ queryKey: ["reports", "list"] });
    },
  });
  if (!useIsOperator()) return <span className={styles.hint}>Making reports needs the operator role.</span>;
  return (
    <>
      <Button variant="primary" icon={FileText} busy={generate.isPending} onClick={() => generate.mutate()}>
        Generate report
      </Button>
      {generate.error && <ErrorNotice title="The report was not queued" error={generate.error} />}
    </>
  );
}
