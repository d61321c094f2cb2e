import { PageHeader } from "@/components/PageHeader";
import { BatchTable } from "@/features/batches/BatchTable";

export function BatchesPage() {
  return (
    <>
      <PageHeader title="Batches" />
      <BatchTable />
    </>
  );
}
