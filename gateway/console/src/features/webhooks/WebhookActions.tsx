import { useMutation, useQueryClient } from "@tanstack/react-query";
import { CirclePause, CirclePlay, PencilLine, Save, Send } from "lucide-react";
import { useState } from "react";
import { answer, api } from "@/api/client";
import type { WebhookEndpoint } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { ErrorNotice } from "@/components/Notice";
import { useChange } from "./changing";
import { EndpointForm } from "./EndpointForm";

/** What can be done about a webhook every day: to change it, to pause it, to try it. */
export function WebhookActions({ endpoint }: { endpoint: WebhookEndpoint }) {
  const [editing, setEditing] = useState(false);
  const enabled = endpoint.status === "ENABLED";
  const pause = useChange(endpoint, (now) =>
    now.status === "ENABLED" ? "It is told again." : "It is paused.",
  );
  const queries = useQueryClient();
  const announce = useAnnounce();
  const attempt = useMutation({
    mutationFn: () =>
      answer(api.POST("/api/webhooks/{id}:test", { params: { path: { id: endpoint.id } }, body: {} })),
    onSuccess: () => {
      announce("A test is on its way.");
      return queries.invalidateQueries({ queryKey: ["webhooks", "deliveries", endpoint.id] });
    },
  });
  const error = pause.error ?? attempt.error;
  return (
    <>
      <Button icon={PencilLine} aria-haspopup="dialog" onClick={() => setEditing(true)}>
        Edit…
      </Button>
      <Button
        icon={enabled ? CirclePause : CirclePlay}
        busy={pause.isPending}
        onClick={() => pause.mutate({ status: enabled ? "DISABLED" : "ENABLED" })}
      >
        {enabled ? "Pause" : "Resume"}
      </Button>
      <Button
        variant="primary"
        icon={Send}
        busy={attempt.isPending}
        disabled={!enabled}
        title={enabled ? undefined : "Resume it first: nothing is sent to it now"}
        onClick={() => attempt.mutate()}
      >
        Send a test
      </Button>
      {error && <ErrorNotice title="Nothing was done" error={error} />}
      {editing && <EditDialog endpoint={endpoint} close={() => setEditing(false)} />}
    </>
  );
}

function EditDialog({ endpoint, close }: { endpoint: WebhookEndpoint; close: () => void }) {
  const change = useChange(endpoint, () => "The webhook was changed.", close);
  return (
    <Dialog title="Edit the webhook" onClose={close}>
      <EndpointForm
        start={{ url: endpoint.url, description: endpoint.description, events: endpoint.events }}
        busy={change.isPending}
        error={change.error}
        failed="Nothing was changed"
        submit={change.mutate}
        cancel={close}
        does={{ icon: Save, label: "Save" }}
      />
    </Dialog>
  );
}
