import { PageHeader } from "@/components/PageHeader";
import { ImportDialog } from "@/features/imports/ImportDialog";
import { ExportLink } from "@/features/leads/ExportLink";
import { LeadTable } from "@/features/leads/LeadTable";
import { LiveState } from "@/features/leads/LiveLeads";
import { QuickAdd } from "@/features/leads/QuickAdd";

export function LeadsPage() {
  return (
    <>
      <PageHeader
        title="Leads"
        actions={
          <>
            <ImportDialog />
            <ExportLink />
          </>
        }
      >
        <LiveState />
      </PageHeader>
      <QuickAdd />
      <LeadTable />
    </>
  );
}
