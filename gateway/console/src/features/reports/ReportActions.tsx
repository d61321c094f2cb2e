import { useMutation, useQueryClient } from "@tanstack/react-query";
import { RotateCcw, X } from "lucide-react";
import { answer, api } from "@/api/client";
import { useIsOperator } from "@/api/session";
import type { Report } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { isBeingMade, reportQuery } from "./queries";
import styles from "./reports.module.css";

/** What can be done about a report: to cancel it while it is made, to make another in place of one that failed. */
export function ReportActions({
  report,
  onRetried,
}: {
  report: Report;
  onRetried?: (again: Report) => unknown;
}) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  const params = { params: { path: { id: report.id } }, body: {} };
  const changed = () => queries.invalidateQueries({ queryKey: ["reports"] });
  const cancel = useMutation({
    mutationFn: () => answer(api.POST("/api/reports/{id}:cancel", params)),
    onSuccess: (cancelled) => queries.setQueryData(reportQuery(report.id).queryKey, cancelled),
    // It may have failed because the report had ended by then.
    onSettled: changed,
  });
  const retry = useMutation({
    mutationFn: () => answer(api.POST("/api/reports/{id}:retry", params)),
    onSuccess: (again) => {
      announce("Another attempt is queued.");
      onRetried?.(again);
      return changed();
    },
  });
  if (!useIsOperator()) return null;
  const error = cancel.error ?? retry.error;
  return (
    <span className={styles.actions}>
      {isBeingMade(report) && (
        <Button icon={X} busy={cancel.isPending} onClick={() => cancel.mutate()}>
          Cancel
        </Button>
      )}
      {(report.status === "FAILED" || report.status === "CANCELLED") && (
        <Button icon={RotateCcw} busy={retry.isPending} onClick={() => retry.mutate()}>
          Retry
        </Button>
      )}
      {error && (
        <span role="alert" className={styles.reason}>
          {error.message}
        </span>
      )}
    </span>
  );
}
