import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import type { Report } from "@/api/types";
import type { ReportFilter } from "./filter";

/** True while the report is being made, or its lineage is on its way. */
export function isOnItsWay(report: Report): boolean {
  return isBeingMade(report) || report.lineage_status === "PENDING";
}

/** True while the report itself is being made. */
export function isBeingMade(report: Report): boolean {
  return report.status === "QUEUED" || report.status === "RUNNING";
}

export const reportsQuery = (filter: ReportFilter) =>
  infiniteQueryOptions({
    queryKey: ["reports", "list", filter],
    queryFn: ({ pageParam, signal }) =>
      answer(api.GET("/api/reports", { params: { query: { ...filter, page_token: pageParam } }, signal })),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_page_token || undefined,
    placeholderData: keepPreviousData,
    // One request a second, however many pages are loaded.
    refetchInterval: ({ state }) => {
      const pages = state.data?.pages ?? [];
      return pages.some((page) => page.reports.some(isBeingMade)) && 1000 * pages.length;
    },
  });

export const reportQuery = (id: string) =>
  queryOptions({
    queryKey: ["reports", "one", id],
    queryFn: ({ signal }) => answer(api.GET("/api/reports/{id}", { params: { path: { id } }, signal })),
    refetchInterval: ({ state }) => state.data !== undefined && isOnItsWay(state.data) && 1000,
  });
