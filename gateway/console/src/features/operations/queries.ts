import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { answer, api } from "@/api/client";

// A backlog changes while one looks at it.
const NOW_AND_THEN_MS = 10_000;

export const deadLettersQuery = infiniteQueryOptions({
  queryKey: ["operations", "dead-letters"],
  queryFn: ({ pageParam, signal }) =>
    answer(api.GET("/api/dead-letters", { params: { query: { page_token: pageParam } }, signal })),
  initialPageParam: "",
  getNextPageParam: (page) => page.next_page_token || undefined,
  placeholderData: keepPreviousData,
  refetchInterval: NOW_AND_THEN_MS,
});

export const storageQuery = queryOptions({
  queryKey: ["operations", "storage"],
  queryFn: ({ signal }) => answer(api.GET("/api/lineage:storage", { signal })),
});

export const retentionQuery = queryOptions({
  queryKey: ["operations", "retention"],
  queryFn: ({ signal }) => answer(api.GET("/api/lineage:retention", { signal })),
});

export const coverageQuery = queryOptions({
  queryKey: ["operations", "coverage"],
  queryFn: ({ signal }) => answer(api.GET("/api/lineage:coverage", { signal })),
  enabled: false,
});
