import { useMutation, useQueryClient } from "@tanstack/react-query";
import { answer, api } from "@/api/client";
import type { WebhookEndpoint } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { webhookQuery } from "./queries";

type Changes = Partial<Pick<WebhookEndpoint, "url" | "description" | "events" | "status">>;

/** Changes an endpoint as it is known here; `said` is announced once it is done. */
export function useChange(
  endpoint: WebhookEndpoint,
  said: (now: WebhookEndpoint) => string,
  done?: () => void,
) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  return useMutation({
    mutationFn: (changes: Changes) =>
      answer(
        api.PATCH("/api/webhooks/{id}", {
          params: { path: { id: endpoint.id }, header: { "If-Match": endpoint.etag } },
          body: changes,
        }),
      ),
    onSuccess: (now) => {
      announce(said(now));
      done?.();
      queries.setQueryData(webhookQuery(endpoint.id).queryKey, now);
      return queries.invalidateQueries({ queryKey: ["webhooks", "list"] });
    },
    // Somebody else may have changed it: the next attempt is made knowing that.
    onError: () => queries.invalidateQueries({ queryKey: webhookQuery(endpoint.id).queryKey }),
  });
}
