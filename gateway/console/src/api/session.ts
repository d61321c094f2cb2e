import { type QueryClient, queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { open } from "./client";
import { ApiError } from "./errors";

/** Who is signed in, as the gateway's cookie says; it is no part of the OpenAPI document. */
export type Session = { subject: string; roles: string[]; expires_at: string };

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: async ({ signal }): Promise<Session | null> => {
    try {
      return (await (await open("/session", { signal })).json()) as Session;
    } catch (error) {
      if (error instanceof ApiError && error.code === 401) return null;
      throw error;
    }
  },
});

/** The session is over (a call was answered 401): show so, and forget what was read. */
export function endSession(queries: QueryClient): void {
  queries.setQueryData(sessionQuery.queryKey, null);
  queries.removeQueries({ predicate: (query) => query.queryKey[0] !== sessionQuery.queryKey[0] });
}

export function useSession(): Session | null {
  return useQuery(sessionQuery).data ?? null;
}

/** True if the signed-in person may write leads, make reports and open raw inputs of their own making. */
export function useIsOperator(): boolean {
  return useHasRole("operator", "admin");
}

/** True if the signed-in person holds any of `roles`. The services decide; this only spares a vain attempt. */
export function useHasRole(...roles: string[]): boolean {
  return useSession()?.roles.some((role) => roles.includes(role)) ?? false;
}

/** Where a browser signs in, or null if only the links that the terminal prints do it. */
export const signInQuery = queryOptions({
  queryKey: ["session", "sign-in"],
  staleTime: Number.POSITIVE_INFINITY,
  queryFn: async ({ signal }): Promise<string | null> =>
    ((await (await open("/login/options", { signal })).json()) as { sign_in: string | null }).sign_in,
});

export function useSignOut() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => open("/logout", { method: "POST" }),
    onSuccess: async (response) => {
      endSession(queries);
      if (response.status === 204) return;
      // The provider has a session of its own; it is ended on its page.
      const { continue_at } = (await response.json()) as { continue_at: string };
      window.location.assign(continue_at);
    },
  });
}
