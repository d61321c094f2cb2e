import { Download, ExternalLink } from "lucide-react";
import type { Report } from "@/api/types";
import { ButtonFile } from "@/components/Button";
import { Card } from "@/components/Card";
import { EmptyState, ErrorNotice } from "@/components/Notice";
import { Progress } from "@/components/Progress";
import text from "@/components/Text.module.css";
import styles from "./reports.module.css";
import { stepWords } from "./status";

/** The PDF as the browser shows it; before there is one, how far it is or why there is none. */
export function ReportDocument({ report }: { report: Report }) {
  if (report.status === "FAILED") {
    return (
      <Card title="Document">
        <ErrorNotice title="No PDF was made" error={new Error(report.error)} />
        <p className={`${text.hint} ${styles.after}`}>
          The pipeline log says how far it came. Retrying makes a new report from the same request, on the
          lead as it is now; this one stays as it is.
        </p>
      </Card>
    );
  }
  if (report.status === "CANCELLED") {
    return (
      <Card title="Document">
        <EmptyState title="Cancelled">No PDF was made: the report was cancelled.</EmptyState>
      </Card>
    );
  }
  if (report.status !== "COMPLETED") {
    return (
      <Card title="Document">
        <EmptyState
          title="The report is being made"
          action={
            <Progress
              value={report.progress}
              step={stepWords(report.step)}
              label="Progress of the document"
            />
          }
        >
          It takes a few seconds. The PDF shows here when it is done; you need not wait for it.
        </EmptyState>
      </Card>
    );
  }
  return (
    <Card
      title="Document"
      aside={
        <span className={styles.links}>
          <ButtonFile
            variant="quiet"
            icon={ExternalLink}
            href={report.pdf_url}
            target="_blank"
            rel="noopener"
          >
            Open in a tab
          </ButtonFile>
          <ButtonFile icon={Download} href={report.pdf_url} download>
            Download PDF
          </ButtonFile>
        </span>
      }
    >
      {/* The fragment is for the browser's viewer: the page as wide as it goes, no thumbnails. */}
      <iframe
        className={styles.document}
        src={`${report.pdf_url}#navpanes=0&view=FitH`}
        title="The report as PDF"
      />
    </Card>
  );
}
