import { useQueryClient } from "@tanstack/react-query";
import { Radio, RefreshCw } from "lucide-react";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import type { LeadEvent } from "@/api/types";
import { Watch, type WatchState } from "@/api/watch";
import styles from "./leads.module.css";
import { apply } from "./live";

// What comes within a moment is shown as one change.
const MOMENT_MS = 100;
// While there is more than can be shown one by one, the list is read this often.
const BURST_MS = 2000;
const BURST = 50;

const State = createContext<WatchState>("connecting");

/** True while changes of leads come by themselves, so that nobody has to ask. */
export const useIsLive = () => useContext(State) === "live";

/** Keeps every lead and list that its children show as it is, by one watch for all of them. */
export function LiveLeads({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [state, setState] = useState<WatchState>("connecting");
  useEffect(() => {
    let waiting: LeadEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    let pause = MOMENT_MS;
    const flush = () => {
      // An answer on its way may be older than the news, and would replace it.
      const reading = queries.isFetching({ queryKey: ["leads"] }) > 0;
      timer = reading ? setTimeout(flush, MOMENT_MS) : undefined;
      if (reading) return;
      pause = waiting.length > BURST ? BURST_MS : MOMENT_MS;
      apply(queries, waiting);
      waiting = [];
    };
    const watch = new Watch<LeadEvent>("/api/leads:watch", {
      onState: setState,
      onGap: () => void queries.invalidateQueries({ queryKey: ["leads"] }),
      onMessage: (event) => {
        if (event.kind === "HEARTBEAT") return;
        waiting.push(event);
        timer ??= setTimeout(flush, pause);
      },
    });
    watch.start();
    return () => {
      watch.stop();
      clearTimeout(timer);
    };
  }, [queries]);
  return <State value={state}>{children}</State>;
}

/** Says, without raising its voice, whether what is shown is as it is now. */
export function LiveState() {
  const state = useContext(State);
  if (state === "connecting") return null;
  const live = state === "live";
  const Icon = live ? Radio : RefreshCw;
  return (
    <span
      className={styles.live}
      title={
        live
          ? "Changes appear here as they happen."
          : "Changes are asked for every now and then for the moment."
      }
    >
      <Icon aria-hidden size={14} className={live ? styles.pulse : undefined} />
      {live ? "Live" : "Reconnecting"}
    </span>
  );
}
