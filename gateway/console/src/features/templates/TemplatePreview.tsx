import { useQuery } from "@tanstack/react-query";
import { ChevronLeft, ChevronRight, ExternalLink, Eye } from "lucide-react";
import { useEffect, useState } from "react";
import { useSearchParams } from "react-router";
import { violationOf } from "@/api/errors";
import { useHasRole } from "@/api/session";
import type { Report, TemplateVersion } from "@/api/types";
import { Button, ButtonFile } from "@/components/Button";
import { Card } from "@/components/Card";
import { Select } from "@/components/Field";
import { EmptyState, ErrorNotice, Skeleton } from "@/components/Notice";
import text from "@/components/Text.module.css";
import { formatDateTime, formatLanguage } from "@/format";
import { type Inputs, pageQuery, pastReportsQuery, previewPath } from "./queries";
import styles from "./templates.module.css";

/** What a version makes of the sample, or of a past report's inputs, page by page. Made when somebody asks. */
export function TemplatePreview({ version }: { version: TemplateVersion }) {
  const [search, setSearch] = useSearchParams();
  const [locale, setLocale] = useState("");
  const [page, setPage] = useState(1);
  const [asked, setAsked] = useState(false);
  const mayPreview = useHasRole("operator", "admin");
  const { data: past = [] } = useQuery({ ...pastReportsQuery, enabled: mayPreview });
  const inputs: Inputs = { report_id: search.get("report_id") ?? "", locale };
  if (!mayPreview) return <p className={text.hint}>Previews need the operator role.</p>;
  const reports: [string, string][] = past.map((report) => [report.id, named(report)]);
  if (inputs.report_id && !past.some(({ id }) => id === inputs.report_id)) {
    reports.unshift([inputs.report_id, `report ${inputs.report_id}`]);
  }
  return (
    <Card
      title="Preview"
      aside={
        asked && (
          <ButtonFile
            variant="quiet"
            icon={ExternalLink}
            href={previewPath(version.id, inputs)}
            target="_blank"
            rel="noopener"
          >
            All pages as PDF
          </ButtonFile>
        )
      }
    >
      <div className={styles.choices}>
        <Select
          label="Inputs"
          value={inputs.report_id}
          onChange={({ target }) => {
            setPage(1);
            setSearch(target.value ? { report_id: target.value } : {}, { preventScrollReset: true });
          }}
          options={[["", "The bundle’s sample"], ...reports]}
        />
        <Select
          label="Language"
          value={locale}
          onChange={({ target }) => {
            setPage(1);
            setLocale(target.value);
          }}
          options={[
            ["", "That of the inputs"],
            ...version.locales.map((tag): [string, string] => [tag, formatLanguage(tag)]),
          ]}
        />
      </div>
      {asked ? (
        <Page version={version} inputs={inputs} page={page} turn={setPage} />
      ) : (
        <EmptyState
          title="Nothing is rendered yet"
          action={
            <Button variant="primary" icon={Eye} onClick={() => setAsked(true)}>
              Show the preview
            </Button>
          }
        >
          It is made under the limits of any report, bears no lineage, and is not kept.
        </EmptyState>
      )}
    </Card>
  );
}

function Page({
  version,
  inputs,
  page,
  turn,
}: {
  version: TemplateVersion;
  inputs: Inputs;
  page: number;
  turn: (page: number) => void;
}) {
  const { data, error, isPending, refetch } = useQuery(pageQuery(version, inputs, page));
  const url = useObjectUrl(data);
  const beyond = violationOf(error, "page") !== undefined;
  return (
    <div className={styles.preview}>
      <div className={styles.pages}>
        <Button icon={ChevronLeft} disabled={page === 1} onClick={() => turn(page - 1)}>
          Previous page
        </Button>
        <span aria-live="polite">Page {page}</span>
        <Button icon={ChevronRight} disabled={!data} onClick={() => turn(page + 1)}>
          Next page
        </Button>
      </div>
      {isPending && <Skeleton lines={10} label={`Rendering page ${page}`} />}
      {beyond && (
        <EmptyState title="That was the last page">
          {`In all there ${page === 2 ? "is one page" : `are ${page - 1} pages`}.`}
        </EmptyState>
      )}
      {error && !beyond && <ErrorNotice title="There is no preview" error={error} retry={refetch} />}
      {url && <img className={styles.page} src={url} alt={`Page ${page} of the preview of ${version.id}`} />}
    </div>
  );
}

function named(report: Report): string {
  const made = report.created_at ? formatDateTime(new Date(report.created_at)) : report.id;
  return `Report of ${made}, ${report.template_version_id}, ${report.locale}`;
}

/** An address for a picture that is in memory, for as long as it is shown. */
function useObjectUrl(blob: Blob | undefined): string | undefined {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (!blob) {
      setUrl(undefined);
      return;
    }
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return url;
}
