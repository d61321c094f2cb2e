import { History } from "lucide-react";
import { useHasRole, useIsOperator } from "@/api/session";
import { ButtonLink } from "@/components/Button";
import { PageHeader } from "@/components/PageHeader";
import { StartBatch } from "@/features/batches/StartBatch";
import { ImportDialog } from "@/features/imports/ImportDialog";
import { ExportLink } from "@/features/leads/ExportLink";
import { LeadTable } from "@/features/leads/LeadTable";
import { LiveState } from "@/features/leads/LiveLeads";
import { QuickAdd } from "@/features/leads/QuickAdd";

export function LeadsPage() {
  const isOperator = useIsOperator();
  const seesImports = useHasRole("operator", "auditor", "admin");
  return (
    <>
      <PageHeader
        title="Leads"
        actions={
          <>
            {seesImports && (
              <ButtonLink variant="quiet" icon={History} to="/imports">
                Imports
              </ButtonLink>
            )}
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
