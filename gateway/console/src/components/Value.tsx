import { formatCount, formatDateTime } from "@/format";
import styles from "./Difference.module.css";
import { Fold } from "./Fold";

// What is longer than this is folded.
const SHORT = 160;

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** A JSON value for people: words for what has none, clocks for times, and what is long folded. */
export function Value({ value }: { value: unknown }) {
  if (value === null || value === undefined) return <i>none</i>;
  if (value === "") return <i>empty</i>;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string" && TIME.test(value)) {
    return (
      <time dateTime={value} title={value}>
        {formatDateTime(new Date(value))}
      </time>
    );
  }
  return <Text text={typeof value === "string" ? value : JSON.stringify(value, null, 1)} />;
}

/** Text as it is; what is long is folded. */
export function Text({ text }: { text: string }) {
  if (text.length <= SHORT) return text;
  return (
    <Fold summary={`${text.slice(0, SHORT / 4).trim()}… (${formatCount(text.length)} characters)`}>
      <pre className={styles.long}>{text}</pre>
    </Fold>
  );
}
