import { useSyncExternalStore } from "react";
import { formatAgo, formatDateTime } from "@/format";

// One clock for every timestamp on the screen.
let now = new Date();
const readers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(reader: () => void): () => void {
  readers.add(reader);
  timer ??= setInterval(() => {
    now = new Date();
    for (const each of readers) each();
  }, 10_000);
  return () => {
    readers.delete(reader);
    if (readers.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** A moment, as a distance from now; the exact time is its title. */
export function Timestamp({ value, exact = false }: { value: string | undefined; exact?: boolean }) {
  const current = useSyncExternalStore(subscribe, () => now);
  if (!value) return <span>–</span>;
  const moment = new Date(value);
  // The shared clock ticks slowly: what happened since its last tick is "just now", never "in 8 seconds".
  const ago = formatAgo(moment, moment > current ? moment : current);
  return (
    <time dateTime={value} title={exact ? value : `${formatDateTime(moment)} (${value})`}>
      {exact ? formatDateTime(moment) : ago}
    </time>
  );
}
