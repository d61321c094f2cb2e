import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { answer, api, open } from "@/api/client";
import type { TemplateVersion } from "@/api/types";
import { readZip } from "./zip";

export type Inputs = { report_id: string; locale: string };

export const versionsQuery = (status: TemplateVersion["status"] | undefined) =>
  infiniteQueryOptions({
    queryKey: ["templates", "list", status ?? ""],
    queryFn: ({ pageParam, signal }) => {
      const query = { ...(status ? { status } : {}), page_token: pageParam };
      return answer(api.GET("/api/templates", { params: { query }, signal }));
    },
    initialPageParam: "",
    getNextPageParam: (page) => page.next_page_token || undefined,
    placeholderData: keepPreviousData,
  });

export const versionQuery = (id: string) =>
  queryOptions({
    queryKey: ["templates", "one", id],
    queryFn: ({ signal }) => answer(api.GET("/api/templates/{id}", { params: { path: { id } }, signal })),
  });

/** The files of a version; what it consists of never changes, so they are read once. */
export const filesQuery = ({ id, digest }: TemplateVersion) =>
  queryOptions({
    queryKey: ["templates", "files", id, digest],
    queryFn: async ({ signal }) => {
      const answered = await open(`/api/templates/${encodeURIComponent(id)}/archive`, { signal });
      return readZip(new Uint8Array(await answered.arrayBuffer()));
    },
    staleTime: Number.POSITIVE_INFINITY,
  });

export const diffQuery = (a: string, b: string) =>
  queryOptions({
    queryKey: ["templates", "diff", a, b],
    queryFn: ({ signal }) => answer(api.GET("/api/templates:diff", { params: { query: { a, b } }, signal })),
    enabled: a !== "" && b !== "" && a !== b,
  });

/** The address of a preview: all of it as PDF, or one page as PNG. */
export function previewPath(id: string, inputs: Inputs, page?: number): string {
  const query = new URLSearchParams({ format: page === undefined ? "PDF" : "PNG" });
  if (page !== undefined) query.set("page", String(page));
  if (inputs.report_id) query.set("report_id", inputs.report_id);
  if (inputs.locale) query.set("locale", inputs.locale);
  return `/api/templates/${encodeURIComponent(id)}:preview?${query}`;
}

export const pageQuery = (version: TemplateVersion, inputs: Inputs, page: number) =>
  queryOptions({
    queryKey: ["templates", "page", version.id, version.digest, inputs, page],
    queryFn: async ({ signal }) => (await open(previewPath(version.id, inputs, page), { signal })).blob(),
    // Each is a rendering, and the same again is the same.
    staleTime: Number.POSITIVE_INFINITY,
  });

/** The latest reports, whose inputs a preview can be made of. */
export const pastReportsQuery = queryOptions({
  queryKey: ["reports", "past"],
  queryFn: ({ signal }) =>
    answer(api.GET("/api/reports", { params: { query: { status: "COMPLETED", page_size: 20 } }, signal })),
  select: (page) => page.reports,
});
