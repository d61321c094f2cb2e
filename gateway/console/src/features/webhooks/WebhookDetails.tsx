import type { WebhookEndpoint } from "@/api/types";
import { Card, Details } from "@/components/Card";
import { Copyable } from "@/components/Copyable";
import { Timestamp } from "@/components/Timestamp";
import { RemoveWebhook } from "./RemoveWebhook";
import { RotateSecret } from "./RotateSecret";
import { eventWords } from "./words";

/** What a webhook is, and what is seldom done about it. */
export function WebhookDetails({ endpoint }: { endpoint: WebhookEndpoint }) {
  return (
    <>
      <Card title="Webhook">
        <Details
          items={[
            ["Address", <Copyable key="url" value={endpoint.url} label="address" />],
            ["Is told of", endpoint.events.map(eventWords).join(", ")],
            ["Switched off", endpoint.disabled_reason || undefined],
            [
              "Failing since",
              endpoint.failing_since && <Timestamp key="failing" value={endpoint.failing_since} />,
            ],
            ["Added by", endpoint.created_by],
            ["Added", <Timestamp key="added" value={endpoint.created_at} />],
            ["Changed", <Timestamp key="changed" value={endpoint.updated_at} />],
            ["ID", <Copyable key="id" value={endpoint.id} label="webhook ID" />],
          ]}
        />
      </Card>
      <Card title="Secret and removal">
        <RotateSecret endpoint={endpoint} />
        <RemoveWebhook endpoint={endpoint} />
      </Card>
    </>
  );
}
