import { PageHeader } from "@/components/PageHeader";
import { LeadTable } from "@/features/leads/LeadTable";
import { LiveState } from "@/features/leads/LiveLeads";
import { QuickAdd } from "@/features/leads/QuickAdd";

export function LeadsPage() {
  return (
    <>
      <PageHeader title="Leads">
        <LiveState />
      </PageHeader>
      <QuickAdd />
      <LeadTable />
    </>
  );
}
