import { infiniteQueryOptions, keepPreviousData } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import { ApiError } from "@/api/errors";
import type { LeadImport } from "@/api/types";
import { FIELDS, type Mapping } from "./header";

export type Wish = {
  file: File;
  mapping: Mapping;
  existing: "SKIP" | "UPDATE";
  enrich: boolean;
  dryRun: boolean;
  /** Names the import, so that a broken one can be taken up. */
  key: string;
};

export const isUnderWay = ({ state }: LeadImport): boolean => state === "RUNNING" || state === "UNDOING";

/** Sends a file; `progress` gets the share that the server has taken, which is about what it has read. */
export function send(
  wish: Wish,
  progress: (share: number) => void,
  signal: AbortSignal,
): Promise<LeadImport> {
  const query = new URLSearchParams({
    existing: wish.existing,
    dry_run: String(wish.dryRun),
    enrich: String(wish.enrich),
    filename: wish.file.name.slice(0, 200),
  });
  for (const field of FIELDS) query.set(`columns[${field}]`, wish.mapping[field]);
  // Not fetch, which does not tell how much was sent.
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    request.open("POST", `/api/leads:import?${query}`);
    request.responseType = "json";
    request.setRequestHeader("content-type", "text/csv");
    if (wish.key) request.setRequestHeader("idempotency-key", wish.key);
    request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
    request.onload = () =>
      request.status === 200
        ? resolve(request.response as LeadImport)
        : reject(ApiError.of(request.status, request.response));
    request.onerror = () => reject(ApiError.unreachable());
    request.onabort = () => reject(new DOMException("aborted", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(wish.file);
  });
}

export const undo = (import_id: string): Promise<LeadImport> =>
  answer(api.POST("/api/leads/imports/{import_id}:undo", { params: { path: { import_id } }, body: {} }));

export const importsQuery = infiniteQueryOptions({
  queryKey: ["imports", "list"],
  queryFn: ({ pageParam, signal }) =>
    answer(api.GET("/api/leads/imports", { params: { query: { page_token: pageParam } }, signal })),
  initialPageParam: "",
  getNextPageParam: (page) => page.next_page_token || undefined,
  placeholderData: keepPreviousData,
  refetchInterval: ({ state }) => {
    const pages = state.data?.pages ?? [];
    return pages.some((page) => page.imports.some(isUnderWay)) && 1000 * pages.length;
  },
});
