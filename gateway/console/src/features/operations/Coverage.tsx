import { useQuery } from "@tanstack/react-query";
import { CircleCheck, Sigma, TriangleAlert } from "lucide-react";
import { Link } from "react-router";
import type { Coverage as Counted } from "@/api/types";
import { Button } from "@/components/Button";
import { Card } from "@/components/Card";
import { Counts } from "@/components/Counts";
import { EmptyState, ErrorNotice, Skeleton } from "@/components/Notice";
import { Status } from "@/components/Status";
import text from "@/components/Text.module.css";
import { Timestamp } from "@/components/Timestamp";
import { formatCount } from "@/format";
import styles from "./operations.module.css";
import { coverageQuery } from "./queries";

const COUNTS: [
  key: "completed" | "recorded" | "pending" | "disabled" | "discarded" | "lineages",
  label: string,
][] = [
  ["completed", "Completed reports"],
  ["recorded", "Recorded"],
  ["pending", "Pending"],
  ["disabled", "Not captured"],
  ["discarded", "Discarded"],
  ["lineages", "Lineages"],
];

/** Completed reports against recorded lineages. Every one is counted, so it is done when somebody asks. */
export function Coverage() {
  const { data, error, isFetching, refetch } = useQuery(coverageQuery);
  return (
    <Card
      title="Coverage"
      aside={
        data && (
          <Button icon={Sigma} busy={isFetching} onClick={() => refetch()}>
            Count again
          </Button>
        )
      }
    >
      {error && <ErrorNotice title="Nothing was counted" error={error} retry={refetch} />}
      {!data && !error && isFetching && <Skeleton lines={2} label="Counting reports and lineages" />}
      {!data && !error && !isFetching && (
        <EmptyState
          title="Not counted yet"
          action={
            <Button icon={Sigma} onClick={() => refetch()}>
              Count now
            </Button>
          }
        >
          Every completed report is held against the lineages that are recorded, on both sides.
        </EmptyState>
      )}
      {data && <Result coverage={data} />}
    </Card>
  );
}

function Result({ coverage }: { coverage: Counted }) {
  return (
    <div className={styles.storage}>
      <p className={styles.verdict}>
        {coverage.complete ? (
          <Status tone="good" icon={CircleCheck} label="Complete" />
        ) : (
          <Status
            tone="bad"
            icon={TriangleAlert}
            label={`${formatCount(coverage.differences_total)} differ`}
          />
        )}
        <span className={text.hint}>
          Counted <Timestamp value={coverage.counted_at} />
        </span>
      </p>
      <Counts items={COUNTS.map(([key, label]) => [label, coverage[key]])} />
      {coverage.differences.length > 0 && (
        <ul className={styles.differences} aria-label="Differences">
          {coverage.differences.map(({ report_id, kind, message }) => (
            <li key={`${report_id} ${kind}`}>
              <Link to={`/reports/${report_id}`}>{report_id}</Link> {message}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
