import { useHasRole } from "@/api/session";
import { EmptyState } from "@/components/Notice";
import { PageHeader } from "@/components/PageHeader";
import { AddWebhook } from "@/features/webhooks/AddWebhook";
import { WebhookTable } from "@/features/webhooks/WebhookTable";

export function WebhooksPage() {
  const allowed = useHasRole("admin");
  return (
    <>
      <PageHeader title="Webhooks" actions={allowed && <AddWebhook />} />
      {allowed ? (
        <WebhookTable />
      ) : (
        <EmptyState title="Not for your role">Webhooks need the admin role.</EmptyState>
      )}
    </>
  );
}
