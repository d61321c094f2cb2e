import { useIsOperator } from "@/api/session";
import { PageHeader } from "@/components/PageHeader";
import { StartBatch } from "@/features/batches/StartBatch";
import { ImportDialog } from "@/features/imports/ImportDialog";
import { ExportLink } from "@/features/leads/ExportLink";
import { LeadTable } from "@/features/leads/LeadTable";
import { LiveState } from "@/features/leads/LiveLeads";
import { QuickAdd } from "@/features/leads/QuickAdd";

export function LeadsPage() {
  const isOperator = useIsOperator();
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
      <LeadTable
        {...(isOperator && {
          together: (leads) => (
            <StartBatch wish={"ids" in leads ? { ...leads, count: leads.ids.length, exact: true } : leads} />
          ),
        })}
      />
    </>
  );
}
