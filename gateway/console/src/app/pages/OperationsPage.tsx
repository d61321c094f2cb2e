import { Link } from "react-router";
import { useHasRole } from "@/api/session";
import { EmptyState } from "@/components/Notice";
import { PageHeader } from "@/components/PageHeader";
import { LeadName } from "@/features/leads/LeadName";
import { Coverage } from "@/features/operations/Coverage";
import { DeadLetters } from "@/features/operations/DeadLetters";
import { Retention } from "@/features/operations/Retention";
import { Storage } from "@/features/operations/Storage";

const nameLead = (id: string) => (
  <Link to={`/leads/${id}`}>
    <LeadName id={id} />
  </Link>
);

export function OperationsPage() {
  const mayLook = useHasRole("auditor", "admin");
  return (
    <>
      <PageHeader title="Operations" />
      {mayLook ? (
        <>
          <Coverage />
          <DeadLetters />
          <Storage nameLead={nameLead} />
          <Retention nameLead={nameLead} />
        </>
      ) : (
        <EmptyState title="Not for your role">Operations need the auditor or the admin role.</EmptyState>
      )}
    </>
  );
}
