import { useQuery } from "@tanstack/react-query";
import { publishedTemplatesQuery } from "@/api/templates";
import { formatLanguage } from "@/format";
import { type Choice, chosen, withVersion } from "./choice";
import { Select } from "./Field";
import { ErrorNotice } from "./Notice";
import styles from "./ReportChoice.module.css";

/** The choice of template version and language for reports that are to be made. */
export function ReportChoice({ choice, change }: { choice: Choice; change: (choice: Choice) => void }) {
  const { data: versions = [], error, refetch } = useQuery(publishedTemplatesQuery);
  const now = chosen(choice, versions);
  // They come by name, the newest of each first.
  const newest = new Set(
    versions.filter(({ name }, at) => versions[at - 1]?.name !== name).map(({ id }) => id),
  );
  return (
    <div className={styles.choice}>
      {error && <ErrorNotice title="The templates could not be read" error={error} retry={refetch} />}
      <Select
        label="Template"
        value={now?.id ?? ""}
        onChange={({ target }) => {
          const version = versions.find(({ id }) => id === target.value);
          if (version) change(withVersion(choice, version));
        }}
        options={
          versions.length === 0
            ? [["", "The newest website audit"]]
            : versions.map(({ id, name, version }) => [
                id,
                `${name} ${version}${newest.has(id) ? " (newest)" : ""}`,
              ])
        }
      />
      <Select
        label="Language"
        value={choice.locale}
        onChange={({ target }) => change({ ...choice, locale: target.value })}
        options={(now?.locales ?? [choice.locale]).map((tag) => [tag, formatLanguage(tag)])}
      />
    </div>
  );
}
