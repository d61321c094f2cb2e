import { PageHeader } from "@/components/PageHeader";
import { ImportDialog } from "@/features/imports/ImportDialog";
import { ImportTable } from "@/features/imports/ImportTable";

export function ImportsPage() {
  return (
    <>
      <PageHeader title="Imports" back={{ to: "/leads", text: "Leads" }} actions={<ImportDialog />} />
      <ImportTable />
    </>
  );
}
