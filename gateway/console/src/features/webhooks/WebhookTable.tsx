import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import type { WebhookEndpoint } from "@/api/types";
import { Card } from "@/components/Card";
import { Listing } from "@/components/Listing";
import { EmptyState } from "@/components/Notice";
import { Status } from "@/components/Status";
import { Table } from "@/components/Table";
import table from "@/components/Table.module.css";
import { Timestamp } from "@/components/Timestamp";
import { webhooksQuery } from "./queries";
import { endpointLook, eventWords, nameOf } from "./words";

/** Who is told when reports and batches end, the newest first. */
export function WebhookTable() {
  const query = useInfiniteQuery(webhooksQuery);
  const endpoints = query.data?.pages.flatMap((page) => page.webhook_endpoints) ?? [];
  return (
    <Card title="All webhooks">
      <Listing
        query={query}
        what="webhooks"
        count={endpoints.length}
        empty={
          <EmptyState title="Nobody is told yet">
            A webhook is an address of yours that gets a signed message when a report or a batch has ended.
            “Add a webhook” gives you the secret that it is signed with; then send it a test.
          </EmptyState>
        }
      >
        <Table columns={["Webhook", "Address", "Is told of", "Status", "Added"]}>
          {endpoints.map((endpoint) => (
            <Row key={endpoint.id} endpoint={endpoint} />
          ))}
        </Table>
      </Listing>
    </Card>
  );
}

function Row({ endpoint }: { endpoint: WebhookEndpoint }) {
  return (
    <tr>
      <td className={table.wide}>
        <Link to={`/webhooks/${endpoint.id}`} className={table.link}>
          {nameOf(endpoint)}
        </Link>
      </td>
      <td>
        <code>{endpoint.url}</code>
      </td>
      <td>{endpoint.events.map(eventWords).join(", ")}</td>
      <td>
        <Status {...endpointLook(endpoint)} />
      </td>
      <td className={table.muted}>
        <Timestamp value={endpoint.created_at} /> by {endpoint.created_by}
      </td>
    </tr>
  );
}
