import { queryOptions } from "@tanstack/react-query";
import { answer, api } from "@/api/client";

/** The legal holds that stand, the latest first; the service names at most 200 of them. */
export const holdsQuery = queryOptions({
  queryKey: ["holds"],
  queryFn: async ({ signal }) => (await answer(api.GET("/api/lineage:retention", { signal }))).holds,
  // With them the service counts what is due to be removed, which is not for every look at a lead.
  staleTime: 60_000,
});
