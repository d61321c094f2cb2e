import { answer, api } from "@/api/client";
import { ApiError } from "@/api/errors";
import type { Reproduction } from "@/api/types";

/** What is waited for, by the reason that the server gives for not having the answer yet. */
const WAITING: Record<string, string> = {
  REPRODUCTION_RUNNING: "Rendering it",
  REPRODUCTIONS_BUSY: "Waiting for its turn",
};

// Longer than any report takes; whoever still wants the answer can ask anew.
const PATIENCE_MS = 180_000;
const USUAL_PAUSE_MS = 1000;

type Asking = { signal: AbortSignal; waiting: (what: string) => void };

/** Has a report made again. What takes longer than one call is asked for again, as the server says. */
export async function reproduce(id: string, { signal, waiting }: Asking): Promise<Reproduction> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await answer(
        api.POST("/api/reports/{id}:reproduce", { params: { path: { id } }, body: {}, signal }),
      );
    } catch (error) {
      const what = error instanceof ApiError ? WAITING[error.reason] : undefined;
      if (!(error instanceof ApiError) || !what || Date.now() > until) throw error;
      waiting(what);
      await pause(error.retryAt ? error.retryAt.getTime() - Date.now() : USUAL_PAUSE_MS, signal);
    }
  }
}

function pause(duration: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, duration);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
