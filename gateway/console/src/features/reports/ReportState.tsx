import { useEffect, useRef } from "react";
import type { Report } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Progress } from "@/components/Progress";
import { Status } from "@/components/Status";
import styles from "./reports.module.css";
import { reportLook, stepWords } from "./status";

/** Status, and while the report is being made the step and how far it is. Says aloud when it changes. */
export function ReportState({ report }: { report: Report }) {
  const announce = useAnnounce();
  const look = reportLook(report.status);
  const before = useRef(look.label);
  useEffect(() => {
    if (before.current !== look.label) announce(`Report: ${look.label}. ${report.error}`);
    before.current = look.label;
  }, [look.label, report.error, announce]);
  return (
    <span className={styles.state}>
      <Status {...look} />
      {report.status === "RUNNING" && (
        <Progress value={report.progress} step={stepWords(report.step)} label="Progress of the report" />
      )}
      {report.status === "FAILED" && <span className={styles.reason}>{report.error}</span>}
    </span>
  );
}
