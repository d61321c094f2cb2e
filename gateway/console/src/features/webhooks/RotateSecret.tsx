import { useMutation, useQueryClient } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { type FormEvent, useState } from "react";
import { answer, api } from "@/api/client";
import type { WebhookEndpoint } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { Choice } from "@/components/Choice";
import { Dialog, DialogActions } from "@/components/Dialog";
import { Select } from "@/components/Field";
import { ErrorNotice } from "@/components/Notice";
import { Timestamp } from "@/components/Timestamp";
import { webhookQuery } from "./queries";
import { SecretOnce } from "./SecretOnce";

/** Which secrets sign, and the way to a new one. */
export function RotateSecret({ endpoint }: { endpoint: WebhookEndpoint }) {
  const [open, setOpen] = useState(false);
  return (
    <Choice
      title="Signing secret"
      action={
        <>
          <Button icon={KeyRound} aria-haspopup="dialog" onClick={() => setOpen(true)}>
            Rotate…
          </Button>
          {open && <RotateDialog endpoint={endpoint} close={() => setOpen(false)} />}
        </>
      }
    >
      <ul aria-label="Secrets that sign">
        {endpoint.secrets.map((secret) => (
          <li key={secret.created_at}>
            Made <Timestamp value={secret.created_at} />
            {secret.expires_at && (
              <>
                , signs until <Timestamp value={secret.expires_at} exact />
              </>
            )}
          </li>
        ))}
      </ul>
    </Choice>
  );
}

const KEPT: [seconds: string, words: string][] = [
  ["3600", "for an hour"],
  ["86400", "for a day"],
  ["604800", "for a week"],
  ["0", "no longer"],
];

function RotateDialog({ endpoint, close }: { endpoint: WebhookEndpoint; close: () => void }) {
  const [kept, setKept] = useState("86400");
  const queries = useQueryClient();
  const announce = useAnnounce();
  const rotate = useMutation({
    mutationFn: () =>
      answer(
        api.POST("/api/webhooks/{id}:rotate", {
          params: { path: { id: endpoint.id } },
          body: { keep_earlier_seconds: Number(kept) },
        }),
      ),
    onSuccess: ({ secret: _, ...now }) => {
      announce("There is a new secret. It is shown this once.");
      queries.setQueryData(webhookQuery(endpoint.id).queryKey, { ...now, secret: "" });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!rotate.isPending) rotate.mutate();
  };
  return (
    <Dialog title={rotate.data ? "Keep this secret" : "Rotate the secret"} onClose={close}>
      {rotate.data ? (
        <SecretOnce secret={rotate.data.secret} close={close} />
      ) : (
        <form onSubmit={submit}>
          <p>
            Messages are signed with a new secret from now on, and with the earlier ones beside it while the
            receiver changes over.
          </p>
          <Select
            label="The earlier ones go on signing"
            value={kept}
            onChange={({ target }) => setKept(target.value)}
            options={KEPT}
          />
          {rotate.error && <ErrorNotice title="The secret stays as it is" error={rotate.error} />}
          <DialogActions>
            <Button onClick={close}>Cancel</Button>
            <Button type="submit" variant="primary" icon={KeyRound} busy={rotate.isPending}>
              Make a new secret
            </Button>
          </DialogActions>
        </form>
      )}
    </Dialog>
  );
}
