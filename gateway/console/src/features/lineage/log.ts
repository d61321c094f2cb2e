/** A pipeline log: JSON lines become entries, and entries become the flat rows that a virtual list shows. */

export type Level = "debug" | "info" | "warning" | "error";

export type Entry = {
  line: number;
  text: string;
  level: Level;
  event: string;
  time: Date | undefined;
  /** What the line says besides level, event and time; undefined if the line is no JSON object. */
  fields: Record<string, unknown> | undefined;
};

export type Row =
  | { kind: "entry"; key: string; entry: Entry; open: boolean }
  | { kind: "field"; key: string; depth: number; name: string; value: string; open: boolean | undefined };

const LEVELS: Record<string, Level> = {
  trace: "debug",
  debug: "debug",
  info: "info",
  notice: "info",
  warn: "warning",
  warning: "warning",
  error: "error",
  exception: "error",
  critical: "error",
  fatal: "error",
};

/** Reads one line. A line that is no JSON object is an entry too: its text is the event. */
export function parseLine(text: string, line: number): Entry {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  if (!isContainer(parsed) || Array.isArray(parsed)) {
    return { line, text, level: "info", event: text, time: undefined, fields: undefined };
  }
  const { level, event, message, timestamp, time, ...fields } = parsed as Record<string, unknown>;
  const moment = new Date(String(timestamp ?? time ?? ""));
  return {
    line,
    text,
    level: LEVELS[String(level).toLowerCase()] ?? "info",
    event: String(event ?? message ?? ""),
    time: Number.isNaN(moment.getTime()) ? undefined : moment,
    fields: event !== undefined && message !== undefined ? { message, ...fields } : fields,
  };
}

/** The entries at `level` (any if empty) whose line contains `needle`, in whatever case. */
export function filterEntries(
  entries: readonly Entry[],
  needle: string,
  level: Level | "",
): readonly Entry[] {
  if (!needle && !level) return entries;
  const sought = needle.toLowerCase();
  return entries.filter(
    (entry) => (!level || entry.level === level) && (!sought || entry.text.toLowerCase().includes(sought)),
  );
}

/** The rows to show: each entry, and beneath each one in `open` its JSON, where containers open likewise. */
export function flatten(entries: readonly Entry[], open: ReadonlySet<string>): Row[] {
  const rows: Row[] = [];
  for (const entry of entries) {
    const key = String(entry.line);
    const isOpen = open.has(key);
    rows.push({ kind: "entry", key, entry, open: isOpen });
    if (isOpen && entry.fields) appendFields(rows, JSON.parse(entry.text), key, 1, open);
  }
  return rows;
}

function appendFields(
  rows: Row[],
  container: object,
  path: string,
  depth: number,
  open: ReadonlySet<string>,
): void {
  for (const [name, value] of Object.entries(container)) {
    const key = `${path}/${JSON.stringify(name)}`;
    const opens = isContainer(value) && Object.keys(value).length > 0;
    const isOpen = opens && open.has(key);
    rows.push({ kind: "field", key, depth, name, value: preview(value), open: opens ? isOpen : undefined });
    if (isOpen) appendFields(rows, value, key, depth + 1, open);
  }
}

/** A value on one line: scalars whole, containers by their size. */
export function preview(value: unknown): string {
  if (Array.isArray(value)) return value.length === 1 ? "[1 item]" : `[${value.length} items]`;
  if (isContainer(value)) {
    const size = Object.keys(value).length;
    return size === 1 ? "{1 field}" : `{${size} fields}`;
  }
  return JSON.stringify(value);
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** The lines of a byte stream, in one batch for each chunk that completes any. */
export async function* linesOf(bytes: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string[]> {
  const decoder = new TextDecoder();
  const reader = bytes.getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const lines = (rest + decoder.decode(value, { stream: !done })).split("\n");
      rest = done ? "" : (lines.pop() ?? "");
      const complete = lines.filter((line) => line.trim() !== "");
      if (complete.length > 0) yield complete;
      if (done) return;
    }
  } finally {
    reader.releaseLock();
  }
}
