import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Merge, Split } from "lucide-react";
import { Link } from "react-router";
import { answer, api } from "@/api/client";
import { useIsOperator } from "@/api/session";
import type { Lead } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { ErrorNotice } from "@/components/Notice";
import { LeadName } from "./LeadName";
import styles from "./merge.module.css";

/** Where a lead went that is part of another one now, and the way back. */
export function MergedInto({ lead }: { lead: Lead }) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  const unmerge = useMutation({
    mutationFn: () =>
      answer(
        api.POST("/api/leads/{id}:unmerge", {
          params: { path: { id: lead.id } },
          body: { etag: lead.etag },
        }),
      ),
    onSuccess: () => {
      announce("Both leads are as they were.");
      return queries.invalidateQueries({ queryKey: ["leads"] });
    },
  });
  const operator = useIsOperator();
  if (!lead.merged_into) return null;
  return (
    <section className={styles.merged} aria-label="Merged">
      <Merge aria-hidden size={18} />
      <span>
        Part of{" "}
        <Link to={`/leads/${lead.merged_into}`}>
          <LeadName id={lead.merged_into} />
        </Link>
      </span>
      {operator && (
        <Button icon={Split} busy={unmerge.isPending} onClick={() => unmerge.mutate()}>
          Take apart
        </Button>
      )}
      {unmerge.error && <ErrorNotice title="They stay merged" error={unmerge.error} />}
    </section>
  );
}
