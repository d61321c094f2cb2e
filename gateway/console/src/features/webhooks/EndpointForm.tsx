import type { LucideIcon } from "lucide-react";
import { type FormEvent, useState } from "react";
import { violationOf } from "@/api/errors";
import type { WebhookEndpoint, WebhookEvent } from "@/api/types";
import { Button } from "@/components/Button";
import { DialogActions } from "@/components/Dialog";
import { Check, Fieldset, TextField } from "@/components/Field";
import { ErrorNotice } from "@/components/Notice";
import { EVENTS, eventWords } from "./words";

export type Draft = Pick<WebhookEndpoint, "url" | "description" | "events">;

type Form = {
  start: Draft;
  busy: boolean;
  error: Error | null;
  failed: string;
  submit: (draft: Draft) => void;
  cancel: () => void;
  does: { icon: LucideIcon; label: string };
};

/** What an admin says of a webhook: where it goes, what of, and what people call it. */
export function EndpointForm({ start, busy, error, failed, submit, cancel, does }: Form) {
  const [draft, setDraft] = useState(start);
  const named = {
    url: violationOf(error, "webhook_endpoint.url") ?? violationOf(error, "url"),
    description: violationOf(error, "webhook_endpoint.description") ?? violationOf(error, "description"),
  };
  const none = draft.events.length === 0;
  const choose = (event: WebhookEvent, wanted: boolean) =>
    setDraft({
      ...draft,
      events: EVENTS.filter((each) => (each === event ? wanted : draft.events.includes(each))),
    });
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (!busy && !none) submit({ ...draft, url: draft.url.trim(), description: draft.description.trim() });
  };
  return (
    <form onSubmit={onSubmit} noValidate>
      <TextField
        label="Address"
        type="url"
        value={draft.url}
        placeholder="https://example.org/hooks/leadfactory"
        maxLength={2000}
        autoComplete="off"
        spellCheck={false}
        onChange={({ target }) => setDraft({ ...draft, url: target.value })}
        error={named.url}
      />
      <TextField
        label="What people call it"
        optional
        value={draft.description}
        maxLength={200}
        autoComplete="off"
        onChange={({ target }) => setDraft({ ...draft, description: target.value })}
        error={named.description}
      />
      <Fieldset legend="Is told of" error={none ? "Choose at least one." : undefined}>
        {EVENTS.map((event) => (
          <Check
            key={event}
            checked={draft.events.includes(event)}
            onChange={({ target }) => choose(event, target.checked)}
          >
            {eventWords(event)}
          </Check>
        ))}
      </Fieldset>
      {error && !named.url && !named.description && <ErrorNotice title={failed} error={error} />}
      <DialogActions>
        <Button onClick={cancel}>Cancel</Button>
        <Button type="submit" variant="primary" icon={does.icon} busy={busy} disabled={none}>
          {does.label}
        </Button>
      </DialogActions>
    </form>
  );
}
