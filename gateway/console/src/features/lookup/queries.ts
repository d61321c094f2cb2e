import { queryOptions } from "@tanstack/react-query";
import { open } from "@/api/client";
import { ApiError } from "@/api/errors";
import type { LookupResult } from "@/api/types";
import { sha256Of } from "./pdf";

const PATH = "/api/lineage:lookup";

/** Where looking a file up has come to. */
export type Step = { digest?: string; sent?: number };

/** The verdict on a SHA-256. Each look-up is audited, so an answer is not asked for twice. */
export const digestQuery = (sha256: string) =>
  queryOptions({
    queryKey: ["lookup", sha256],
    queryFn: ({ signal }) => byDigest(sha256, signal),
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });

/** Looks a file up: by its digest first, so that what is genuine need not be sent; then as a whole. */
export async function byFile(
  file: File,
  tell: (step: Step) => void,
  signal: AbortSignal,
): Promise<LookupResult> {
  const digest = await sha256Of(file);
  tell({ digest });
  const known = await byDigest(digest, signal);
  if (known.verdict !== "UNKNOWN") return known;
  return send(file, (sent) => tell({ digest, sent }), signal);
}

async function byDigest(sha256: string, signal: AbortSignal): Promise<LookupResult> {
  return (await open(`${PATH}?sha256=${sha256}`, { method: "POST", signal })).json();
}

/** `fetch` does not say how much has left. */
function send(file: File, progress: (share: number) => void, signal: AbortSignal): Promise<LookupResult> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", PATH);
    request.setRequestHeader("content-type", "application/pdf");
    request.responseType = "json";
    request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onload = () =>
      request.status === 200
        ? resolve(request.response)
        : reject(ApiError.of(request.status, request.response));
    request.onerror = () => reject(ApiError.unreachable());
    request.onabort = () => reject(new DOMException("Cancelled", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}
