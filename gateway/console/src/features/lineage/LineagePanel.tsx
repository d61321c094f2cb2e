import { useQuery } from "@tanstack/react-query";
import { Clock, FileDiff, PackageCheck, Share2 } from "lucide-react";
import { useHasRole } from "@/api/session";
import type { Lineage, Report } from "@/api/types";
import { ButtonFile, ButtonLink } from "@/components/Button";
import { Card, Details } from "@/components/Card";
import { Copyable } from "@/components/Copyable";
import { EmptyState, ErrorNotice, Skeleton } from "@/components/Notice";
import { Status } from "@/components/Status";
import text from "@/components/Text.module.css";
import { Timestamp } from "@/components/Timestamp";
import { formatCount } from "@/format";
import styles from "./lineage.module.css";
import { lineageQuery } from "./queries";
import { RawInputs } from "./RawInputs";
import { Timings } from "./Timings";

/** Where a report came from: what it was made of, by what, when, and the way to the raw inputs. */
export function LineagePanel({ report }: { report: Report }) {
  const recorded = report.lineage_status === "RECORDED";
  const { data, error, refetch } = useQuery({ ...lineageQuery(report.id), enabled: recorded });
  if (data) return <Recorded lineage={data} requestedAt={report.created_at} />;
  return (
    <Card title="Lineage" id="lineage">
      <Awaited report={report} />
      {recorded && !error && <Skeleton lines={6} label="Loading the lineage" />}
      {error && <ErrorNotice title="The lineage could not be read" error={error} retry={refetch} />}
    </Card>
  );
}

function Awaited({ report }: { report: Report }) {
  if (report.lineage_status === "DISABLED") {
    return (
      <EmptyState title="Not captured">
        Lineage capture was switched off when this report was made.
      </EmptyState>
    );
  }
  if (report.lineage_status === "NONE") {
    return <EmptyState title="None">Nothing was made of this report, so there is no lineage.</EmptyState>;
  }
  if (report.lineage_status === "DISCARDED") {
    return (
      <EmptyState title="Discarded">
        It was captured and could not be delivered. An administrator has given it up.
      </EmptyState>
    );
  }
  const ended = report.status === "COMPLETED" || report.status === "FAILED";
  if (report.lineage_status === "RECORDED") return null;
  return (
    <EmptyState
      title={ended ? "On its way" : "Not yet"}
      action={<Status tone="warn" icon={Clock} label="Pending" />}
    >
      {ended
        ? "It was captured together with the report and is being delivered; it shows here as soon as it has arrived."
        : "It is captured together with the report."}
    </EmptyState>
  );
}

function Recorded({ lineage, requestedAt }: { lineage: Lineage; requestedAt: string | undefined }) {
  const mayOpen = useHasRole("operator", "auditor", "admin");
  const digest = (value: string, label: string) => <Copyable key={label} value={value} label={label} />;
  return (
    <Card title="Lineage" id="lineage" aside={<Accesses lineage={lineage} />}>
      <Details
        items={[
          ["Lead", digest(lineage.lead_id, "lead ID of the lineage")],
          ["Pipeline run", digest(lineage.pipeline_run_id, "pipeline run ID")],
          ["Template", digest(lineage.template_version_id, "template version")],
          ["Lineage ID", digest(lineage.lineage_id, "lineage ID")],
        ]}
      />
      <Timings lineage={lineage} requestedAt={requestedAt} />
      <RawInputs lineage={lineage} />
      <div className={styles.group}>
        <h3>Digests (SHA-256)</h3>
      </div>
      <Details
        items={[
          ["Raw inputs", digest(lineage.inputs_sha256, "raw inputs SHA-256")],
          [
            "PDF",
            lineage.pdf_sha256 ? digest(lineage.pdf_sha256, "PDF SHA-256 of the lineage") : "none was made",
          ],
          ["Template", digest(lineage.template_digest, "template digest")],
          ["Environment", digest(lineage.environment_digest, "environment digest")],
        ]}
      />
      <div className={`${styles.group} ${styles.downloads}`}>
        {mayOpen && (
          <ButtonLink icon={FileDiff} to={`/reports/${lineage.report_generation_id}/compare`}>
            Compare with another
          </ButtonLink>
        )}
        <ButtonFile
          variant="quiet"
          icon={Share2}
          href={`/api/lineage/${lineage.lineage_id}/openlineage`}
          target="_blank"
          rel="noopener"
          title="This lineage as an OpenLineage RunEvent, for other tools"
        >
          OpenLineage
        </ButtonFile>
        {mayOpen && lineage.status === "COMPLETED" && (
          <ButtonFile
            variant="quiet"
            icon={PackageCheck}
            href={`/api/reports/${lineage.report_generation_id}/evidence`}
            download
            title="PDF, raw inputs, log and proofs in one ZIP, for python -m services.evidence verify"
          >
            Evidence pack
          </ButtonFile>
        )}
      </div>
    </Card>
  );
}

function Accesses({ lineage }: { lineage: Lineage }) {
  return (
    <span className={text.hint}>
      Read {formatCount(lineage.access_count)} {lineage.access_count === 1 ? "time" : "times"}, last{" "}
      <Timestamp value={lineage.last_accessed_at} />
    </span>
  );
}
