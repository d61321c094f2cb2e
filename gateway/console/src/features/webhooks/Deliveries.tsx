import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { RotateCw } from "lucide-react";
import { useState } from "react";
import { Link } from "react-router";
import { answer, api } from "@/api/client";
import type { WebhookDelivery, WebhookEndpoint } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { Card } from "@/components/Card";
import { Select } from "@/components/Field";
import { Filters } from "@/components/Filters";
import { Listing } from "@/components/Listing";
import { EmptyState } from "@/components/Notice";
import { Status } from "@/components/Status";
import { Table } from "@/components/Table";
import table from "@/components/Table.module.css";
import { Timestamp } from "@/components/Timestamp";
import { formatCount, formatTime } from "@/format";
import { deliveriesQuery, type Wanted } from "./queries";
import styles from "./webhooks.module.css";
import { answerWords, deliveryLook, eventWords } from "./words";

/** What was sent to a webhook or is to be, what its receiver said, and the way to send it again. */
export function Deliveries({ endpoint }: { endpoint: WebhookEndpoint }) {
  const [wanted, setWanted] = useState<Wanted>("");
  const query = useInfiniteQuery(deliveriesQuery(endpoint.id, wanted));
  const deliveries = query.data?.pages.flatMap((page) => page.webhook_deliveries) ?? [];
  return (
    <Card
      title="Deliveries"
      aside={
        <Filters label="Filter deliveries">
          <Select
            label="Status"
            value={wanted}
            onChange={({ target }) => setWanted(target.value as Wanted)}
            options={[
              ["", "All"],
              ["PENDING", "On their way"],
              ["DELIVERED", "Delivered"],
              ["FAILED", "Given up"],
            ]}
          />
        </Filters>
      }
    >
      <Listing
        query={query}
        what="deliveries"
        count={deliveries.length}
        empty={
          wanted ? (
            <EmptyState title="No delivery is in this state">Choose another one to see the rest.</EmptyState>
          ) : (
            <EmptyState title="Nothing was sent yet">
              “Send a test” tries the address now; the next report or batch that ends is told here as well.
              What was sent is kept for 30 days.
            </EmptyState>
          )
        }
      >
        <Table columns={["What", "Status", "Attempts", "Answer", "Happened"]} actions>
          {deliveries.map((delivery) => (
            <Row key={delivery.id} delivery={delivery} sends={endpoint.status === "ENABLED"} />
          ))}
        </Table>
      </Listing>
    </Card>
  );
}

function Row({ delivery, sends }: { delivery: WebhookDelivery; sends: boolean }) {
  return (
    <tr>
      <td className={styles.what}>
        <About delivery={delivery} />
      </td>
      <td>
        <Status {...deliveryLook(delivery)} />
        {delivery.attempts > 0 && delivery.next_attempt_at && (
          <span className={styles.next}>at {formatTime(new Date(delivery.next_attempt_at))}</span>
        )}
      </td>
      <td className={table.muted}>
        {formatCount(delivery.attempts)} {delivery.attempts === 1 ? "attempt" : "attempts"}
      </td>
      <td className={styles.answer}>{answerWords(delivery)}</td>
      <td className={table.muted}>
        <Timestamp value={delivery.occurred_at} />
      </td>
      <td>{sends && <Redeliver delivery={delivery} />}</td>
    </tr>
  );
}

function About({ delivery }: { delivery: WebhookDelivery }) {
  const words = eventWords(delivery.event);
  if (delivery.report_id) return <Link to={`/reports/${delivery.report_id}`}>{words}</Link>;
  if (delivery.batch_id) return <Link to={`/batches/${delivery.batch_id}`}>{words}</Link>;
  return words;
}

function Redeliver({ delivery }: { delivery: WebhookDelivery }) {
  const { id, endpoint_id } = delivery;
  const queries = useQueryClient();
  const announce = useAnnounce();
  const again = useMutation({
    mutationFn: () =>
      answer(
        api.POST("/api/webhooks/{endpoint_id}/deliveries/{id}:redeliver", {
          params: { path: { endpoint_id, id } },
          body: {},
        }),
      ),
    onSuccess: () => {
      announce("It is on its way again.");
      return queries.invalidateQueries({ queryKey: ["webhooks", "deliveries", endpoint_id] });
    },
  });
  const pending = delivery.status === "PENDING";
  return (
    <>
      <Button variant="quiet" icon={RotateCw} busy={again.isPending} onClick={() => again.mutate()}>
        {pending ? "Try now" : "Send again"}
      </Button>
      {again.error && (
        <span role="alert" className={styles.failed}>
          {again.error.message}
        </span>
      )}
    </>
  );
}
