import { Bug, ChevronDown, ChevronRight, CircleX, Info, type LucideIcon, TriangleAlert } from "lucide-react";
import { CopyButton } from "@/components/Copyable";
import { formatClock } from "@/format";
import { type Level, preview, type Row } from "./log";
import styles from "./log.module.css";

const LOOKS: Record<Level, LucideIcon> = { debug: Bug, info: Info, warning: TriangleAlert, error: CircleX };

/** One row of the log: a line, or a field of a line that was opened. */
export function LogRow({ row, toggle }: { row: Row; toggle: (key: string) => void }) {
  return row.kind === "entry" ? (
    <EntryRow row={row} toggle={toggle} />
  ) : (
    <FieldRow row={row} toggle={toggle} />
  );
}

function EntryRow({ row, toggle }: { row: Row & { kind: "entry" }; toggle: (key: string) => void }) {
  const { entry, open } = row;
  const Level = LOOKS[entry.level];
  const Chevron = open ? ChevronDown : ChevronRight;
  return (
    <div className={styles.entry}>
      <button type="button" className={styles.line} aria-expanded={open} onClick={() => toggle(row.key)}>
        <Chevron aria-hidden size={14} className={styles.chevron} />
        <span className={styles.time}>{entry.time ? formatClock(entry.time) : entry.line}</span>
        <span className={`${styles.level} ${styles[entry.level]}`}>
          <Level aria-hidden size={13} />
          {entry.level}
        </span>
        <span className={styles.text}>
          <b>{entry.event}</b>
          {Object.entries(entry.fields ?? {}).map(([name, value]) => (
            <span key={name}>
              {" "}
              {name}=<i>{typeof value === "string" ? value : preview(value)}</i>
            </span>
          ))}
        </span>
      </button>
      <CopyButton value={entry.text} label={`line ${entry.line}`} />
    </div>
  );
}

function FieldRow({ row, toggle }: { row: Row & { kind: "field" }; toggle: (key: string) => void }) {
  const content = (
    <>
      <span className={styles.name}>{row.name}</span>
      <span className={styles.value}>{row.value}</span>
    </>
  );
  const indent = { paddingInlineStart: `${row.depth * 1.25 + 1}rem` };
  if (row.open === undefined) {
    return (
      <div className={styles.field} style={indent}>
        {content}
      </div>
    );
  }
  const Chevron = row.open ? ChevronDown : ChevronRight;
  return (
    <button
      type="button"
      className={styles.field}
      style={indent}
      aria-expanded={row.open}
      onClick={() => toggle(row.key)}
    >
      <Chevron aria-hidden size={14} className={styles.chevron} />
      {content}
    </button>
  );
}
