import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Archive, BadgeCheck, Download, GitCompare, Trash2 } from "lucide-react";
import { useNavigate } from "react-router";
import { answer, api } from "@/api/client";
import { useHasRole } from "@/api/session";
import type { TemplateVersion } from "@/api/types";
import { useAnnounce } from "@/components/Announcer";
import { Button, ButtonFile, ButtonLink } from "@/components/Button";
import { ConfirmButton } from "@/components/ConfirmButton";
import { versionQuery } from "./queries";
import styles from "./templates.module.css";
import { Violations } from "./Violations";

/** What can be done about a version, by those who may. */
export function TemplateActions({ version }: { version: TemplateVersion }) {
  const mayRead = useHasRole("operator", "auditor", "admin");
  const mayDecide = useHasRole("admin");
  return (
    <>
      <ButtonLink variant="quiet" icon={GitCompare} to={`/templates/compare?a=${version.id}`}>
        Compare
      </ButtonLink>
      {mayRead && (
        <ButtonFile
          icon={Download}
          href={`/api/templates/${encodeURIComponent(version.id)}/archive`}
          download
        >
          Bundle
        </ButtonFile>
      )}
      {mayDecide && <Decisions version={version} />}
    </>
  );
}

function Decisions({ version }: { version: TemplateVersion }) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  const navigate = useNavigate();
  const params = { params: { path: { id: version.id } } };
  const kept = (now: TemplateVersion) => {
    announce(`${now.id} is ${now.status.toLowerCase()}.`);
    queries.setQueryData(versionQuery(version.id).queryKey, now);
    void queries.invalidateQueries({ queryKey: ["templates", "published"] });
    return queries.invalidateQueries({ queryKey: ["templates", "list"] });
  };
  const publish = useMutation({
    mutationFn: () => answer(api.POST("/api/templates/{id}:publish", { ...params, body: {} })),
    onSuccess: kept,
  });
  const retire = useMutation({
    mutationFn: () => answer(api.POST("/api/templates/{id}:retire", { ...params, body: {} })),
    onSuccess: kept,
  });
  const remove = useMutation({
    mutationFn: () => answer(api.DELETE("/api/templates/{id}", params)),
    onSuccess: () => {
      announce(`${version.id} was removed.`);
      void queries.invalidateQueries({ queryKey: ["templates", "list"] });
      return navigate("/templates");
    },
  });
  const error = publish.error ?? retire.error ?? remove.error;
  return (
    <>
      {version.status === "DRAFT" && (
        <>
          <ConfirmButton
            icon={Trash2}
            busy={remove.isPending}
            sure="Press again to remove"
            onConfirm={() => remove.mutate()}
          >
            Remove
          </ConfirmButton>
          <Button
            variant="primary"
            icon={BadgeCheck}
            busy={publish.isPending}
            onClick={() => publish.mutate()}
          >
            Publish
          </Button>
        </>
      )}
      {/* What comes with the product cannot be retired. */}
      {version.status === "PUBLISHED" && version.origin !== "SHIPPED" && (
        <ConfirmButton
          icon={Archive}
          busy={retire.isPending}
          sure="Press again to retire"
          onConfirm={() => retire.mutate()}
        >
          Retire
        </ConfirmButton>
      )}
      {error && (
        <div className={styles.wide}>
          <Violations title={`${version.id} stays as it is`} error={error} />
        </div>
      )}
    </>
  );
}
