import { PageHeader } from "@/components/PageHeader";
import { TemplateComparison } from "@/features/templates/TemplateComparison";

export function TemplateComparePage() {
  return (
    <>
      <PageHeader title="Compare versions" back={{ to: "/templates", text: "Templates" }} />
      <TemplateComparison />
    </>
  );
}
