import { PageHeader } from "@/components/PageHeader";
import { LeadName } from "@/features/leads/LeadName";
import { LookupPanel } from "@/features/lookup/LookupPanel";

export function LookupPage() {
  return (
    <>
      <PageHeader title="Look up a PDF">
        Was it issued here, is it unchanged, and what was it made from?
      </PageHeader>
      <LookupPanel leadName={(id) => <LeadName id={id} />} />
    </>
  );
}
