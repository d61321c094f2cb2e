import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { ChevronDown, ChevronRight } from "lucide-react";
import { useState } from "react";
import { useHasRole } from "@/api/session";
import type { Report } from "@/api/types";
import { Button } from "@/components/Button";
import { Card } from "@/components/Card";
import { Select } from "@/components/Field";
import { LoadMore } from "@/components/LoadMore";
import { EmptyState, ErrorNotice, Skeleton } from "@/components/Notice";
import { formatCount } from "@/format";
import { AccessTable } from "./AccessTable";
import { ACTIONS, accessWords } from "./access";
import styles from "./lineage.module.css";
import { type AccessFilter, accessesQuery, lineageQuery } from "./queries";

/** Who opened a report's lineage, its log or its raw inputs. It is read when asked for: that is audited, too. */
export function Accesses({ report }: { report: Report }) {
  const [open, setOpen] = useState(false);
  const mayRead = useHasRole("auditor", "admin");
  const { data } = useQuery({ ...lineageQuery(report.id), enabled: report.lineage_status === "RECORDED" });
  if (!data) return null;
  const times = data.access_count === 1 ? "once" : `${formatCount(data.access_count)} times`;
  return (
    <Card
      title="Who opened it"
      id="access"
      aside={
        mayRead && (
          <Button
            variant="quiet"
            icon={open ? ChevronDown : ChevronRight}
            aria-expanded={open}
            onClick={() => setOpen(!open)}
          >
            {open ? "Close the accesses" : "Show the accesses"}
          </Button>
        )
      }
    >
      {open ? (
        <List lineageId={data.lineage_id} />
      ) : (
        <p className={styles.closed}>
          <span className={styles.hint}>
            Read {times} when this page asked for it.{" "}
            {mayRead
              ? "Each reading is on record, this list’s own as well."
              : "Each reading is on record; auditors and administrators see whose."}
          </span>
        </p>
      )}
    </Card>
  );
}

function List({ lineageId }: { lineageId: string }) {
  const [filter, setFilter] = useState<AccessFilter>({});
  const query = useInfiniteQuery(accessesQuery(lineageId, filter));
  const accesses = query.data?.pages.flatMap((page) => page.accesses) ?? [];
  return (
    <>
      <search className={styles.filters} aria-label="Filter the accesses">
        <Select
          label="What"
          value={filter.action ?? ""}
          onChange={(event) =>
            setFilter(event.target.value ? ({ action: event.target.value } as AccessFilter) : {})
          }
          options={[["", "All"], ...ACTIONS.map((each): [string, string] => [each, accessWords(each)[0]])]}
        />
      </search>
      {query.isPending && <Skeleton lines={4} label="Loading the accesses" />}
      {query.error && (
        <div className={styles.notice}>
          <ErrorNotice title="The accesses could not be read" error={query.error} retry={query.refetch} />
        </div>
      )}
      {query.data && accesses.length === 0 && (
        <EmptyState title="No access matches">Nobody did this to this lineage.</EmptyState>
      )}
      {accesses.length > 0 && <AccessTable accesses={accesses} />}
      {query.hasNextPage && (
        <LoadMore what="accesses" busy={query.isFetchingNextPage} load={() => query.fetchNextPage()} />
      )}
    </>
  );
}
