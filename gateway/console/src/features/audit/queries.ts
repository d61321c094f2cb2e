import { infiniteQueryOptions } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import type { AuditEntry } from "@/api/types";

/** What the trail can be narrowed to; an absent key means all. */
export type AuditFilter = {
  action?: AuditEntry["action"];
  user_id?: string;
  field?: string;
  ip_address?: string;
  created_after?: string;
  created_before?: string;
};

/** A lead's audit, newest first. To read it is an entry of its own, so it is read when asked for, never polled. */
export const auditQuery = (leadId: string, filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ["audit", leadId, filter],
    queryFn: ({ pageParam, signal }) =>
      answer(
        api.GET("/api/leads/{id}/audit", {
          params: { path: { id: leadId }, query: { ...filter, page_size: 25, page_token: pageParam } },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_page_token || undefined,
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
