import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { answer, api } from "@/api/client";
import type { ReportBatch } from "@/api/types";
import { Watch, type WatchState } from "@/api/watch";
import { hasEnded } from "./outcome";

export const batchesQuery = infiniteQueryOptions({
  queryKey: ["batches", "list"],
  queryFn: ({ pageParam, signal }) =>
    answer(api.GET("/api/report-batches", { params: { query: { page_token: pageParam } }, signal })),
  initialPageParam: "",
  getNextPageParam: (page) => page.next_page_token || undefined,
  placeholderData: keepPreviousData,
  refetchInterval: ({ state }) => {
    const pages = state.data?.pages ?? [];
    return !pages.every((page) => page.report_batches.every(hasEnded)) && 2000 * pages.length;
  },
});

export const batchQuery = (id: string) =>
  queryOptions({
    queryKey: ["batches", "one", id],
    queryFn: ({ signal }) =>
      answer(api.GET("/api/report-batches/{id}", { params: { path: { id } }, signal })),
  });

/** A batch as it comes further: told by its watch, and asked for while that is lost. */
export function useBatch(id: string) {
  const queries = useQueryClient();
  const [state, setState] = useState<WatchState>("connecting");
  const ended = useQuery({ ...batchQuery(id), select: hasEnded }).data;
  useEffect(() => {
    if (ended !== false) return;
    const watch = new Watch<ReportBatch>(`/api/report-batches/${id}:watch`, {
      onState: setState,
      onGap: () => {},
      onMessage: (batch) => {
        queries.setQueryData(batchQuery(id).queryKey, batch);
        void queries.invalidateQueries({ queryKey: ["reports", "list"] }, { cancelRefetch: false });
        void queries.invalidateQueries({ queryKey: ["batches", "list"] }, { cancelRefetch: false });
      },
    });
    watch.start();
    return () => watch.stop();
  }, [queries, id, ended]);
  return useQuery({ ...batchQuery(id), refetchInterval: ended === false && state === "lost" && 2000 });
}
