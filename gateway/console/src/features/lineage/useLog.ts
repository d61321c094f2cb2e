import { useEffect, useState } from "react";
import { open } from "@/api/client";
import { type Entry, linesOf, parseLine } from "./log";

type Log = { entries: readonly Entry[]; reading: boolean; error: Error | undefined };

const NOTHING: Log = { entries: [], reading: true, error: undefined };

/** Streams a lineage's log; entries appear as they arrive. `attempt` begins anew when it changes. */
export function useLog(lineageId: string, attempt: number): Log {
  const [log, setLog] = useState(NOTHING);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt is another request
  useEffect(() => {
    const abort = new AbortController();
    const entries: Entry[] = [];
    const read = async () => {
      const response = await open(`/api/lineage/${lineageId}/logs`, { signal: abort.signal });
      if (!response.body) return;
      for await (const lines of linesOf(response.body)) {
        for (const line of lines) entries.push(parseLine(line, entries.length + 1));
        setLog({ entries: [...entries], reading: true, error: undefined });
      }
    };
    setLog(NOTHING);
    read().then(
      () => setLog({ entries, reading: false, error: undefined }),
      (error: Error) => abort.signal.aborted || setLog({ entries, reading: false, error }),
    );
    return () => abort.abort();
  }, [lineageId, attempt]);
  return log;
}
