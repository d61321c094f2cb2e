import type { UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { LoadMore } from "./LoadMore";
import { ErrorNotice, Skeleton } from "./Notice";

type Paged = Pick<
  UseInfiniteQueryResult,
  "isPending" | "error" | "data" | "refetch" | "hasNextPage" | "isFetchingNextPage" | "fetchNextPage"
>;

/** A list that comes page by page: what shows until it has come, if it fails and if it is empty; and the way to more. */
export function Listing({
  query,
  what,
  count,
  lines = 4,
  empty,
  children,
}: {
  query: Paged;
  /** What is listed, as in "Load more reports". */
  what: string;
  /** How many have come. */
  count: number;
  /** How many are to be expected. */
  lines?: number;
  empty: ReactNode;
  children: ReactNode;
}) {
  return (
    <>
      {query.isPending && <Skeleton lines={lines} label={`Loading ${what}`} />}
      {query.error && (
        <ErrorNotice
          title={query.data ? "The list is no longer live" : `The ${what} could not be read`}
          error={query.error}
          retry={query.refetch}
        />
      )}
      {query.data !== undefined && count === 0 && empty}
      {count > 0 && children}
      {query.hasNextPage && (
        <LoadMore what={what} busy={query.isFetchingNextPage} load={() => query.fetchNextPage()} />
      )}
    </>
  );
}
