import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { PageHeader } from "@/components/PageHeader";
import { Status } from "@/components/Status";
import { Unread } from "@/components/Unread";
import { versionQuery } from "@/features/templates/queries";
import { templateLook } from "@/features/templates/status";
import { TemplateActions } from "@/features/templates/TemplateActions";
import { TemplateContents } from "@/features/templates/TemplateContents";
import { TemplateDetails, TemplateFiles } from "@/features/templates/TemplateDetails";
import { TemplatePreview } from "@/features/templates/TemplatePreview";
import styles from "../Shell.module.css";

export function TemplatePage() {
  const { id = "" } = useParams();
  const { data: version, error, refetch } = useQuery(versionQuery(id));
  const back = { to: "/templates", text: "Templates" };
  if (!version) {
    return <Unread what="template" back={back} error={error} retry={refetch} />;
  }
  return (
    <>
      <PageHeader
        title={`${version.name} ${version.version}`}
        back={back}
        actions={<TemplateActions version={version} />}
      >
        <Status {...templateLook(version.status)} />
      </PageHeader>
      <div className={styles.columns}>
        <div className={styles.column}>
          <TemplatePreview key={version.id} version={version} />
          <TemplateContents version={version} />
          <TemplateFiles version={version} />
        </div>
        <TemplateDetails version={version} />
      </div>
    </>
  );
}
