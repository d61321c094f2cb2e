import { queryOptions } from "@tanstack/react-query";
import { answer, api } from "./client";

/** The versions that reports can be made with; several screens offer them. */
export const publishedTemplatesQuery = queryOptions({
  queryKey: ["templates", "published"],
  queryFn: ({ signal }) =>
    answer(api.GET("/api/templates", { params: { query: { status: "PUBLISHED", page_size: 200 } }, signal })),
  select: (page) => page.template_versions,
  staleTime: 30_000,
});
