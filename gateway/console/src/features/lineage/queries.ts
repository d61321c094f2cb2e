import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import type { LineageAccess } from "@/api/types";

/** The lineage of one report. Every reading is an entry in the access audit, so it is read once, not polled. */
export const lineageQuery = (reportId: string) =>
  queryOptions({
    queryKey: ["lineage", reportId],
    queryFn: ({ signal }) =>
      answer(api.GET("/api/lineage/{report_id}", { params: { path: { report_id: reportId } }, signal })),
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });

/** What the access audit can be narrowed to; an absent key means all. */
export type AccessFilter = { action?: LineageAccess["action"]; user_id?: string };

/** Who opened a lineage, newest first. To read this is an entry of its own, so it is read when asked for. */
export const accessesQuery = (lineageId: string, filter: AccessFilter) =>
  infiniteQueryOptions({
    queryKey: ["lineage", "accesses", lineageId, filter],
    queryFn: ({ pageParam, signal }) =>
      answer(
        api.GET("/api/lineage/{lineage_id}/access", {
          params: {
            path: { lineage_id: lineageId },
            query: { ...filter, page_size: 25, page_token: pageParam },
          },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_page_token || undefined,
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
