import { useVirtualizer } from "@tanstack/react-virtual";
import { Search } from "lucide-react";
import { type KeyboardEvent, useDeferredValue, useMemo, useRef, useState } from "react";
import { Select } from "@/components/Field";
import { EmptyState, ErrorNotice } from "@/components/Notice";
import { formatCount } from "@/format";
import { LogRow } from "./LogRow";
import { filterEntries, flatten, type Level } from "./log";
import styles from "./log.module.css";
import { useLog } from "./useLog";

/** A log of any length: only the rows in sight exist. Arrow keys go from row to row. */
export function LogViewer({ lineageId }: { lineageId: string }) {
  const [attempt, setAttempt] = useState(0);
  const { entries, reading, error } = useLog(lineageId, attempt);
  const [needle, setNeedle] = useState("");
  const [level, setLevel] = useState<Level | "">("");
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());

  const sought = useDeferredValue(needle);
  const found = useMemo(() => filterEntries(entries, sought, level), [entries, sought, level]);
  const rows = useMemo(() => flatten(found, open), [found, open]);
  const list = useRef<HTMLElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => list.current,
    getItemKey: (index) => rows[index]?.key ?? index,
    estimateSize: () => 30,
    overscan: 12,
  });

  const toggle = (key: string) => {
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    setOpen(next);
  };

  const walk = (event: KeyboardEvent<HTMLElement>) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const here = (event.target as HTMLElement).closest<HTMLElement>("[data-index]");
    let index = here ? Number(here.dataset.index) + step : 0;
    for (let row = rows[index]; row?.kind === "field" && row.open === undefined; row = rows[index])
      index += step;
    if (!rows[index]) return;
    virtual.scrollToIndex(index);
    // The row may come into being only now that it is in sight.
    requestAnimationFrame(() =>
      list.current
        ?.querySelector<HTMLElement>(`[data-index="${index}"] button`)
        ?.focus({ preventScroll: true }),
    );
  };

  const total = `${formatCount(entries.length)} ${entries.length === 1 ? "line" : "lines"}`;
  return (
    <div>
      <div className={styles.toolbar}>
        <label className={styles.search}>
          <Search aria-hidden size={16} />
          <span className="visually-hidden">Search the log</span>
          <input
            type="search"
            placeholder="Search the log"
            value={needle}
            onChange={(event) => setNeedle(event.target.value)}
            onKeyDown={(event) => event.key === "Escape" && setNeedle("")}
            data-shortcut="/"
            aria-keyshortcuts="/"
          />
        </label>
        <Select
          label="Level"
          value={level}
          onChange={(event) => setLevel(event.target.value as Level | "")}
          options={[
            ["", "All"],
            ["debug", "Debug"],
            ["info", "Info"],
            ["warning", "Warning"],
            ["error", "Error"],
          ]}
        />
        <span role="status" className={styles.count}>
          {found.length === entries.length ? total : `${formatCount(found.length)} of ${total}`}
          {reading && ", reading"}
        </span>
      </div>
      {error && (
        <ErrorNotice title="The log could not be read" error={error} retry={() => setAttempt(attempt + 1)} />
      )}
      {!reading && !error && found.length === 0 && (
        <EmptyState title={entries.length === 0 ? "The log is empty" : "No line matches"}>
          {entries.length === 0
            ? "The pipeline wrote nothing."
            : "Search for something else, or at all levels."}
        </EmptyState>
      )}
      <section
        ref={list}
        className={styles.list}
        hidden={found.length === 0}
        style={{ height: `min(28rem, ${virtual.getTotalSize()}px)` }}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        tabIndex={0}
        aria-label="Log lines"
        onKeyDown={walk}
      >
        <ul className={styles.rows} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            return (
              row && (
                <li
                  key={item.key}
                  ref={virtual.measureElement}
                  data-index={item.index}
                  aria-setsize={rows.length}
                  aria-posinset={item.index + 1}
                  className={styles.row}
                  style={{ transform: `translateY(${item.start}px)` }}
                >
                  <LogRow row={row} toggle={toggle} />
                </li>
              )
            );
          })}
        </ul>
      </section>
    </div>
  );
}
