import { PageHeader } from "@/components/PageHeader";
import { LeadTable } from "@/features/leads/LeadTable";
import { QuickAdd } from "@/features/leads/QuickAdd";

export function LeadsPage() {
  return (
    <>
      <PageHeader title="Leads" />
      <QuickAdd />
      <LeadTable />
    </>
  );
}
