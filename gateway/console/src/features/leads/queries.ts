import {
  infiniteQueryOptions,
  keepPreviousData,
  type QueryClient,
  queryOptions,
} from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import type { EnrichmentStatus, Lead } from "@/api/types";

/** What the list can be narrowed to; an absent key means all. */
export type LeadFilter = {
  q?: string;
  is_manual?: boolean;
  enrichment_status?: EnrichmentStatus;
  import_id?: string;
};

/** True while a worker has this lead, or is about to. */
export function isBeingEnriched(lead: Lead): boolean {
  if (lead.enrichment_status === "IN_PROGRESS") return true;
  return lead.enrichment_status === "PENDING" && lead.enrichment_task_id !== "";
}

// How often what may change is looked at while nobody tells of it.
const NOW_AND_THEN_MS = 10_000;

export const leadsQuery = (filter: LeadFilter, isLive: boolean) =>
  infiniteQueryOptions({
    queryKey: ["leads", "list", filter],
    queryFn: ({ pageParam, signal }) =>
      answer(api.GET("/api/leads", { params: { query: { ...filter, page_token: pageParam } }, signal })),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_page_token || undefined,
    placeholderData: keepPreviousData,
    // Looking again reads every loaded page, so the more there are, the less often: one request a second.
    refetchInterval: ({ state }) => {
      if (isLive) return false;
      const pages = state.data?.pages ?? [];
      const moves = pages.some((page) => page.leads.some(isBeingEnriched));
      return (moves ? 1000 : NOW_AND_THEN_MS) * Math.max(pages.length, 1);
    },
  });

export const leadQuery = (id: string, isLive = false) =>
  queryOptions({
    queryKey: ["leads", "one", id],
    queryFn: ({ signal }) => answer(api.GET("/api/leads/{id}", { params: { path: { id } }, signal })),
    refetchInterval: ({ state }) => {
      if (isLive || !state.data) return false;
      return isBeingEnriched(state.data) ? 1000 : NOW_AND_THEN_MS;
    },
  });

/** A lead as it was at a moment, which is over and stays so. */
export const pastLeadQuery = (id: string, as_of: string) =>
  queryOptions({
    queryKey: ["leads", "past", id, as_of],
    queryFn: ({ signal }) =>
      answer(api.GET("/api/leads/{id}", { params: { path: { id }, query: { as_of } }, signal })),
    staleTime: Number.POSITIVE_INFINITY,
  });

/** Show a lead as a change has returned it, and read the lists anew. */
export function keepLead(queries: QueryClient, lead: Lead): Promise<void> {
  queries.setQueryData(leadQuery(lead.id).queryKey, lead);
  return queries.invalidateQueries({ queryKey: ["leads", "list"] });
}
