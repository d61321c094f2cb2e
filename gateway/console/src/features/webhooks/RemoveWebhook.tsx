import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";
import { answer, api } from "@/api/client";
import type { WebhookEndpoint } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { Choice } from "@/components/Choice";
import { Dialog, DialogActions } from "@/components/Dialog";
import { ErrorNotice } from "@/components/Notice";
import { webhookQuery } from "./queries";
import { nameOf } from "./words";

/** Takes a webhook away, after saying what goes with it. */
export function RemoveWebhook({ endpoint }: { endpoint: WebhookEndpoint }) {
  const [open, setOpen] = useState(false);
  return (
    <Choice
      title="Remove"
      action={
        <>
          <Button icon={Trash2} aria-haspopup="dialog" onClick={() => setOpen(true)}>
            Remove…
          </Button>
          {open && <RemoveDialog endpoint={endpoint} close={() => setOpen(false)} />}
        </>
      }
    >
      <p>Its secrets and its deliveries go with it. To stop the messages for a while, pause it.</p>
    </Choice>
  );
}

function RemoveDialog({ endpoint, close }: { endpoint: WebhookEndpoint; close: () => void }) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  const navigate = useNavigate();
  const params = { path: { id: endpoint.id }, header: { "If-Match": endpoint.etag } };
  const remove = useMutation({
    mutationFn: () => answer(api.DELETE("/api/webhooks/{id}", { params })),
    onSuccess: async () => {
      announce("The webhook was removed.");
      void queries.invalidateQueries({ queryKey: ["webhooks", "list"] });
      await navigate("/webhooks");
      queries.removeQueries({ queryKey: webhookQuery(endpoint.id).queryKey });
    },
    onError: () => queries.invalidateQueries({ queryKey: webhookQuery(endpoint.id).queryKey }),
  });
  return (
    <Dialog title={`Remove ${nameOf(endpoint)}`} onClose={close}>
      <p>
        Nothing more is sent to <code>{endpoint.url}</code>. What was sent to it, and what came of that, is
        forgotten, and what still waits is not sent. That you removed it stays on record.{" "}
        <strong>It cannot be undone.</strong>
      </p>
      {remove.error && <ErrorNotice title="It was not removed" error={remove.error} />}
      <DialogActions>
        <Button onClick={close}>Keep it</Button>
        <Button variant="danger" icon={Trash2} busy={remove.isPending} onClick={() => remove.mutate()}>
          Remove for good
        </Button>
      </DialogActions>
    </Dialog>
  );
}
