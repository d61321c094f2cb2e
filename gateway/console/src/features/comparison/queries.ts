import { queryOptions } from "@tanstack/react-query";
import { answer, api, open } from "@/api/client";
import type { Report } from "@/api/types";

/** What differs between two reports. Both note the comparison in their access audit, so it is made once. */
export const diffQuery = (a: string, b: string) =>
  queryOptions({
    queryKey: ["lineage", "diff", a, b],
    queryFn: ({ signal }) => answer(api.GET("/api/lineage:diff", { params: { query: { a, b } }, signal })),
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });

const WIDTH = 1000;

/** One page of a report as a picture, rendered again from what was captured with its own template version. */
export const pageQuery = (report: Report, page: number) =>
  queryOptions({
    queryKey: ["lineage", "page", report.id, page],
    queryFn: async ({ signal }) => {
      const query = new URLSearchParams({
        report_id: report.id,
        format: "PNG",
        page: String(page),
        width: String(WIDTH),
      });
      return (await open(`/api/templates/${report.template_version_id}:preview?${query}`, { signal })).blob();
    },
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  });
