import { ButtonLink } from "@/components/Button";
import { EmptyState } from "@/components/Notice";
import { PageHeader } from "@/components/PageHeader";

export function NotFoundPage() {
  return (
    <>
      <PageHeader title="Not found" />
      <EmptyState
        title="There is no such screen"
        action={<ButtonLink to="/leads">Go to the leads</ButtonLink>}
      >
        The address may be mistyped or out of date.
      </EmptyState>
    </>
  );
}
