import { Download, FileText, UserRound } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { LookupResult } from "@/api/types";
import { ButtonFile, ButtonLink } from "@/components/Button";
import { Details } from "@/components/Card";
import { Copyable } from "@/components/Copyable";
import { Timestamp } from "@/components/Timestamp";
import { Verdict } from "@/components/Verdict";
import styles from "./lookup.module.css";
import { evidenceWords, verdictOf } from "./words";

type Shown = {
  result: LookupResult;
  /** The file's name; undefined if only a digest was looked up. */
  file: string | undefined;
  /** Who a lead is. */
  leadName: (id: string) => ReactNode;
};

/** What was found out about a PDF, and the way to where it came from. */
export function Found({ result, file, leadName }: Shown) {
  const look = verdictOf(result, file !== undefined);
  const { lineage } = result;
  return (
    <section className={`${styles.verdict} ${styles[look.tone]}`} aria-label="Verdict">
      <Verdict {...look} />
      <Details
        items={[
          ["File", file],
          ["Its SHA-256", <Copyable key="sha" value={result.sha256} label="SHA-256 looked up" />],
          [
            "As issued",
            lineage && lineage.pdf_sha256 !== result.sha256 ? (
              <Copyable key="issued" value={lineage.pdf_sha256} label="SHA-256 as issued" />
            ) : undefined,
          ],
          ["Recognised by", evidenceWords(result.evidence)],
          ["Remark", result.remark || undefined],
          ["Lead", lineage && <Link to={`/leads/${lineage.lead_id}`}>{leadName(lineage.lead_id)}</Link>],
          ["Issued", lineage && <Timestamp key="issued" value={lineage.pipeline_end_time} exact />],
          ["Template", lineage?.template_version_id],
          ["Lineage ID", lineage && <Copyable key="id" value={lineage.lineage_id} label="lineage ID" />],
        ]}
      />
      {lineage && (
        <footer>
          <ButtonLink variant="primary" icon={FileText} to={`/reports/${lineage.report_generation_id}`}>
            Open the report and its lineage
          </ButtonLink>
          <ButtonLink icon={UserRound} to={`/leads/${lineage.lead_id}`}>
            Open the lead
          </ButtonLink>
          {result.verdict === "ALTERED" && (
            <ButtonFile icon={Download} href={`/api/reports/${lineage.report_generation_id}/pdf`} download>
              Download the PDF as issued
            </ButtonFile>
          )}
        </footer>
      )}
    </section>
  );
}
