import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { RefreshCw } from "lucide-react";
import { useState } from "react";
import { useHasRole } from "@/api/session";
import { Button } from "@/components/Button";
import { Listing } from "@/components/Listing";
import { EmptyState } from "@/components/Notice";
import { OnDemand } from "@/components/OnDemand";
import { AuditEntryItem } from "./AuditEntryItem";
import { AuditFilters } from "./AuditFilters";
import styles from "./audit.module.css";
import { Evidence } from "./Evidence";
import { type AuditFilter, auditQuery } from "./queries";

type Trail = {
  leadId: string;
  /** The lead's etag as it is now; undefined if the lead is gone, so that there is nothing to go back to. */
  etag: string | undefined;
};

/** Who did what to a lead and when. It is read when asked for, not before: every reading is audited. */
export function AuditTrail({ leadId, etag }: Trail) {
  const mayRead = useHasRole("auditor", "admin");
  return (
    <OnDemand
      title="Audit trail"
      what="the trail"
      id="audit"
      allowed={mayRead}
      closed={
        mayRead
          ? "Every change of this lead, and every attempt at one, with who and when. Reading it is noted in it."
          : "Every change of this lead is on record. The record is read by auditors and administrators."
      }
    >
      <Entries leadId={leadId} etag={etag} />
    </OnDemand>
  );
}

function Entries({ leadId, etag }: Trail) {
  const [filter, setFilter] = useState<AuditFilter>({});
  const [seen, setSeen] = useState(etag);
  const queries = useQueryClient();
  const query = useInfiniteQuery(auditQuery(leadId, filter));
  const entries = query.data?.pages.flatMap((page) => page.entries) ?? [];
  const refresh = () => {
    setSeen(etag);
    return queries.resetQueries({ queryKey: ["audit", leadId] });
  };
  return (
    <>
      <AuditFilters filter={filter} change={setFilter} error={query.error} />
      {seen !== etag && (
        <p className={styles.news} role="status">
          The lead has changed since this was read.
          <Button icon={RefreshCw} onClick={() => void refresh()}>
            Show the newest entries
          </Button>
        </p>
      )}
      <Listing
        query={query}
        what="entries"
        count={entries.length}
        lines={6}
        empty={<EmptyState title="No entry matches">Nothing of this kind happened to this lead.</EmptyState>}
      >
        <ol className={styles.trail} aria-label="Entries, newest first">
          {entries.map((entry) => (
            <AuditEntryItem
              key={entry.id}
              entry={entry}
              mayGoBack={etag !== undefined}
              narrow={(user_id) => setFilter({ ...filter, user_id })}
            />
          ))}
        </ol>
      </Listing>
      <Evidence leadId={leadId} />
    </>
  );
}
