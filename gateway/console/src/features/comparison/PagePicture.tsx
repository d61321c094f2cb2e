import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { Report } from "@/api/types";
import { EmptyState, ErrorNotice } from "@/components/Notice";
import { formatDateTime } from "@/format";
import styles from "./comparison.module.css";
import { pageQuery } from "./queries";

/** One page of a report, as a picture. */
export function PagePicture({ report, page, title }: { report: Report; page: number; title: string }) {
  const exists = page <= report.page_count;
  const { data, error, refetch } = useQuery({ ...pageQuery(report, page), enabled: exists });
  const source = useObjectUrl(data);
  const made = report.created_at ? formatDateTime(new Date(report.created_at)) : report.id;
  return (
    <figure className={styles.page}>
      <figcaption>
        <strong>{title}</strong> {made}
      </figcaption>
      {!exists && <EmptyState title="No such page">This report ends before.</EmptyState>}
      {error && <ErrorNotice title="The page was not rendered" error={error} retry={refetch} />}
      {exists && !error && !source && (
        <div className={styles.blank} role="status">
          Rendering page {page}…
        </div>
      )}
      {source && exists && <img src={source} alt={`Page ${page} of the report of ${made}`} />}
    </figure>
  );
}

function useObjectUrl(blob: Blob | undefined): string | undefined {
  const [source, setSource] = useState<string>();
  useEffect(() => {
    if (!blob) return setSource(undefined);
    const url = URL.createObjectURL(blob);
    setSource(url);
    return () => URL.revokeObjectURL(url);
  }, [blob]);
  return source;
}
