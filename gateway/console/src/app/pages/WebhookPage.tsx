import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { ErrorNotice } from "@/components/Notice";
import { PageHeader } from "@/components/PageHeader";
import { Status } from "@/components/Status";
import { Unread } from "@/components/Unread";
import { Deliveries } from "@/features/webhooks/Deliveries";
import { webhookQuery } from "@/features/webhooks/queries";
import { WebhookActions } from "@/features/webhooks/WebhookActions";
import { WebhookDetails } from "@/features/webhooks/WebhookDetails";
import { endpointLook, nameOf } from "@/features/webhooks/words";
import styles from "../Shell.module.css";

export function WebhookPage() {
  const { id = "" } = useParams();
  const { data: endpoint, error, refetch } = useQuery(webhookQuery(id));
  const back = { to: "/webhooks", text: "Webhooks" };
  if (!endpoint) {
    return <Unread what="webhook" back={back} error={error} retry={refetch} />;
  }
  return (
    <>
      <PageHeader title={nameOf(endpoint)} back={back} actions={<WebhookActions endpoint={endpoint} />}>
        <Status {...endpointLook(endpoint)} />
      </PageHeader>
      {error && <ErrorNotice title="The webhook is no longer live" error={error} retry={refetch} />}
      <div className={styles.columns}>
        <Deliveries endpoint={endpoint} />
        <div className={styles.column}>
          <WebhookDetails endpoint={endpoint} />
        </div>
      </div>
    </>
  );
}
