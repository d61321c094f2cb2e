import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import type { WebhookDelivery } from "@/api/types";

export const webhooksQuery = infiniteQueryOptions({
  queryKey: ["webhooks", "list"],
  queryFn: ({ pageParam, signal }) =>
    answer(api.GET("/api/webhooks", { params: { query: { page_token: pageParam } }, signal })),
  initialPageParam: "",
  getNextPageParam: (page) => page.next_page_token || undefined,
});

// Its receiver may answer, or fail for too long, while somebody looks.
const NOW_AND_THEN_MS = 10_000;

export const webhookQuery = (id: string) =>
  queryOptions({
    queryKey: ["webhooks", "one", id],
    queryFn: ({ signal }) => answer(api.GET("/api/webhooks/{id}", { params: { path: { id } }, signal })),
    refetchInterval: NOW_AND_THEN_MS,
  });

/** In which state deliveries are to be listed; "" is all. */
export type Wanted = WebhookDelivery["status"] | "";

const SOON_MS = 30_000;

/** True if the delivery is tried within moments, as far as anybody knows. */
function isDue({ status, next_attempt_at }: WebhookDelivery): boolean {
  return status === "PENDING" && Date.parse(next_attempt_at ?? "") < Date.now() + SOON_MS;
}

export const deliveriesQuery = (endpoint_id: string, wanted: Wanted) =>
  infiniteQueryOptions({
    queryKey: ["webhooks", "deliveries", endpoint_id, wanted],
    queryFn: ({ pageParam, signal }) => {
      const query = { page_size: 25, page_token: pageParam, ...(wanted ? { status: wanted } : {}) };
      return answer(
        api.GET("/api/webhooks/{endpoint_id}/deliveries", {
          params: { path: { endpoint_id }, query },
          signal,
        }),
      );
    },
    initialPageParam: "",
    getNextPageParam: (page) => page.next_page_token || undefined,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => {
      const pages = state.data?.pages ?? [];
      const due = pages.some((page) => page.webhook_deliveries.some(isDue));
      return due ? 1000 * pages.length : NOW_AND_THEN_MS;
    },
  });
