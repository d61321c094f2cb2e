import { queryOptions } from "@tanstack/react-query";
import { answer, api } from "@/api/client";

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
