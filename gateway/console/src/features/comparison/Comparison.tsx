import { useQuery } from "@tanstack/react-query";
import { Equal, EqualNot } from "lucide-react";
import type { LineageDiff, Report } from "@/api/types";
import { Card, Details } from "@/components/Card";
import { Copyable } from "@/components/Copyable";
import { ErrorNotice, Skeleton } from "@/components/Notice";
import { Status } from "@/components/Status";
import text from "@/components/Text.module.css";
import { formatCount } from "@/format";
import styles from "./comparison.module.css";
import { InputChanges } from "./InputChanges";
import { Pages } from "./Pages";
import { diffQuery } from "./queries";

/** What differs between two reports, the earlier one first: the PDF, what it was made of and with. */
export function Comparison({ earlier, later }: { earlier: Report; later: Report }) {
  const { data: diff, error, refetch } = useQuery(diffQuery(earlier.id, later.id));
  if (error) return <ErrorNotice title="The reports were not compared" error={error} retry={refetch} />;
  if (!diff) return <Skeleton lines={8} label="Comparing the reports" />;
  return (
    <>
      <ul className={styles.summary} aria-label="At a glance">
        <Same what="PDF" same={diff.pdf_identical} />
        <Same what="Raw inputs" same={diff.inputs_identical} note={countOf(diff)} />
        <Same what="Template" same={diff.template_identical} />
        <Same what="Environment" same={diff.environment_identical} />
      </ul>
      <InputChanges diff={diff} />
      <div className={styles.pair}>
        <Made
          title="Template"
          diff={diff}
          of={(side) => [side?.template_version_id, side?.template_digest]}
        />
        <Made
          title="Environment"
          diff={diff}
          of={(side) => [undefined, side?.environment_digest]}
          note="The versions of everything that turns a template into PDF bytes, as one digest."
        />
      </div>
      <Pages earlier={earlier} later={later} />
    </>
  );
}

function countOf({ inputs_identical, changes_total }: LineageDiff): string | undefined {
  if (inputs_identical) return undefined;
  return `${formatCount(changes_total)} ${changes_total === 1 ? "difference" : "differences"}`;
}

function Same({ what, same, note }: { what: string; same: boolean; note?: string | undefined }) {
  return (
    <li>
      <span>{what}</span>
      <Status
        tone={same ? "good" : "warn"}
        icon={same ? Equal : EqualNot}
        label={same ? "Identical" : (note ?? "Different")}
      />
    </li>
  );
}

type Side = LineageDiff["a"];
type Made = {
  title: string;
  diff: LineageDiff;
  of: (side: Side) => [name: string | undefined, digest: string | undefined];
  note?: string;
};

function Made({ title, diff, of, note }: Made) {
  const row = (name: string, side: Side): [string, React.ReactNode] => {
    const [id, digest] = of(side);
    return [
      name,
      <span key={name} className={styles.made}>
        {id}
        {digest && <Copyable value={digest} label={`${title} digest, ${name.toLowerCase()}`} />}
      </span>,
    ];
  };
  return (
    <Card title={title}>
      <Details items={[row("Earlier", diff.a), row("Later", diff.b)]} />
      {note && <p className={text.note}>{note}</p>}
    </Card>
  );
}
