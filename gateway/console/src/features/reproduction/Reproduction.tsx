import { useMutation } from "@tanstack/react-query";
import { Repeat2 } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useHasRole } from "@/api/session";
import type { Report } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { Card } from "@/components/Card";
import { ErrorNotice } from "@/components/Notice";
import { Progress } from "@/components/Progress";
import text from "@/components/Text.module.css";
import { reproduce } from "./asking";
import { Outcome } from "./Outcome";
import styles from "./reproduction.module.css";
import { verdictOf } from "./verdict";

/** Makes a report again from what lineage keeps, and says whether it is the same. */
export function Reproduction({ report }: { report: Report }) {
  const allowed = useHasRole("operator", "auditor", "admin");
  const announce = useAnnounce();
  const [step, setStep] = useState(START);
  const abort = useRef<AbortController>(null);
  useEffect(() => () => abort.current?.abort(), []);
  const again = useMutation({
    mutationFn: () => {
      abort.current = new AbortController();
      announce("The report is being made again.");
      setStep(START);
      return reproduce(report.id, { signal: abort.current.signal, waiting: setStep });
    },
    onSuccess: (found) => {
      const { label, meaning } = verdictOf(found);
      announce(`Verdict: ${label}. ${meaning}`);
    },
  });
  if (report.status !== "COMPLETED") return null;
  const hindrance = HINDRANCES[report.lineage_status];
  return (
    <Card
      title="Reproduction"
      id="reproduction"
      aside={
        allowed &&
        !hindrance && (
          <Button icon={Repeat2} busy={again.isPending} onClick={() => again.mutate()}>
            {again.isSuccess ? "Make it once more" : "Make it again"}
          </Button>
        )
      }
    >
      {again.isPending && <Underway step={step} />}
      {again.error && (
        <ErrorNotice title="It was not made again" error={again.error} retry={() => again.mutate()} />
      )}
      {again.data && !again.isPending && <Outcome report={report} found={again.data} />}
      {again.isIdle && (
        <p className={text.note}>
          {hindrance ??
            (allowed
              ? "The PDF is made again from its raw inputs with the same template, and held against the one that was issued. Nothing is stored; that the raw inputs were opened is noted."
              : "Making a report again opens its raw inputs, which needs the operator or auditor role: they hold the lead’s personal data.")}
        </p>
      )}
    </Card>
  );
}

const START = "Making it again";

/** Why there is nothing to make a report from. */
const HINDRANCES: Partial<Record<Report["lineage_status"], string>> = {
  PENDING: "It can be made again once its lineage has arrived.",
  DISABLED:
    "It cannot be made again: lineage was switched off when it was made, so its inputs were not kept.",
  DISCARDED: "It cannot be made again: its lineage was given up, and its inputs with it.",
};

function Underway({ step }: { step: string }) {
  const seconds = useSeconds();
  return (
    <div className={styles.underway}>
      <Progress step={`${step} · ${seconds} s`} label="Progress of the reproduction" />
    </div>
  );
}

/** Whole seconds since this came on the screen. */
function useSeconds(): number {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setSeconds((before) => before + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  return seconds;
}
