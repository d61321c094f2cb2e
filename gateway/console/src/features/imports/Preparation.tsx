import { FileCheck, Upload, X } from "lucide-react";
import type { LeadImport } from "@/api/types";
import { Button } from "@/components/Button";
import { DialogActions } from "@/components/Dialog";
import { Check, Fieldset, FileField, Select } from "@/components/Field";
import { ErrorNotice } from "@/components/Notice";
import { Progress } from "@/components/Progress";
import { formatBytes, formatCount } from "@/format";
import { FIELDS, type Field, type Mapping } from "./header";
import styles from "./imports.module.css";
import { ErrorsLink, Outcome } from "./Outcome";
import type { Wish } from "./queries";

const LABELS: Record<Field, string> = { email: "E-mail", domain: "Domain", name: "Name" };

/** Everything before leads are written: the file, its columns, and a trial run. */
export function Preparation(at: {
  wish: Wish | undefined;
  header: string[];
  choose: (file: File) => Promise<void>;
  change: (wish: Wish) => void;
  checked: LeadImport | undefined;
  busy: { share: number; dryRun: boolean } | undefined;
  error: Error | null;
  check: () => unknown;
  start: () => unknown;
  stop: () => void;
}) {
  const { wish, checked, busy } = at;
  const stopped = at.error?.name === "AbortError";
  const usable = wish !== undefined && wish.mapping.email !== "";
  return (
    <>
      <FileField
        label="CSV file"
        accept=".csv,.tsv,.txt,text/csv"
        disabled={busy !== undefined}
        onChange={({ target }) => target.files?.[0] && void at.choose(target.files[0])}
      >
        {wish
          ? `${formatBytes(wish.file.size)}, ${at.header.length} columns`
          : "UTF-8 with a header, separated by commas, semicolons or tabs; of any size."}
      </FileField>
      {wish && at.header.length > 0 && (
        <Columns wish={wish} header={at.header} change={at.change} disabled={busy !== undefined} />
      )}
      {wish && at.header.length === 0 && (
        <ErrorNotice
          title="There is no header that can be read"
          error={new Error("Save the file as CSV in UTF-8, with the names of its columns in the first row.")}
        />
      )}
      {at.error && !stopped && <ErrorNotice title="The file was not read to its end" error={at.error} />}
      {checked && (
        <section className={styles.checked} aria-label="Trial run">
          <p>
            {formatCount(checked.rows)} rows were read. {checked.dry_run && "Nothing is written yet."}
          </p>
          <Outcome done={checked} />
          <ErrorsLink done={checked} />
        </section>
      )}
      <DialogActions>
        {busy && (
          <>
            <Progress
              value={Math.round(busy.share * 100)}
              step={busy.dryRun ? "Checking" : "Importing"}
              label="Progress of the file"
            />
            <Button icon={X} onClick={at.stop}>
              Stop
            </Button>
          </>
        )}
        {!busy && (
          <>
            <Button
              icon={FileCheck}
              variant={checked ? "plain" : "primary"}
              disabled={!usable}
              onClick={at.check}
            >
              Check the file
            </Button>
            <Button
              icon={Upload}
              variant={checked ? "primary" : "plain"}
              disabled={!usable}
              onClick={at.start}
            >
              {checked ? `Import ${leadCount(checked.created + checked.updated)}` : "Import without a check"}
            </Button>
          </>
        )}
      </DialogActions>
    </>
  );
}

const leadCount = (count: number) => `${formatCount(count)} ${count === 1 ? "lead" : "leads"}`;

function Columns({
  wish,
  header,
  change,
  disabled,
}: {
  wish: Wish;
  header: string[];
  change: (wish: Wish) => void;
  disabled: boolean;
}) {
  const options: [string, string][] = [...new Set(header)].map((each) => [each, each]);
  const map = (field: Field, column: string): Mapping => ({ ...wish.mapping, [field]: column });
  return (
    <Fieldset legend="Columns" className={styles.columns} disabled={disabled}>
      {FIELDS.map((field) => (
        <Select
          key={field}
          label={LABELS[field]}
          value={wish.mapping[field]}
          onChange={({ target }) => change({ ...wish, mapping: map(field, target.value) })}
          options={[["", field === "email" ? "Choose a column" : "Not in this file"], ...options]}
        />
      ))}
      <Select
        label="Leads already here"
        value={wish.existing}
        onChange={({ target }) => change({ ...wish, existing: target.value as Wish["existing"] })}
        options={[
          ["SKIP", "Leave them as they are"],
          ["UPDATE", "Take the file’s names"],
        ]}
      />
      <Check checked={wish.enrich} onChange={({ target }) => change({ ...wish, enrich: target.checked })}>
        Look new leads up, as far as your quota goes
      </Check>
    </Fieldset>
  );
}
