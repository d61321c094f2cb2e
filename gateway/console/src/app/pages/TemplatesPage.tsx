import { GitCompare } from "lucide-react";
import { ButtonLink } from "@/components/Button";
import { PageHeader } from "@/components/PageHeader";
import { TemplateTable } from "@/features/templates/TemplateTable";
import { UploadTemplate } from "@/features/templates/UploadTemplate";

export function TemplatesPage() {
  return (
    <>
      <PageHeader
        title="Templates"
        actions={
          <>
            <ButtonLink variant="quiet" icon={GitCompare} to="/templates/compare">
              Compare
            </ButtonLink>
            <UploadTemplate />
          </>
        }
      />
      <TemplateTable />
    </>
  );
}
