import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useSearchParams } from "react-router";
import type { TemplateDiff } from "@/api/types";
import { Card } from "@/components/Card";
import { Select } from "@/components/Field";
import { EmptyState, ErrorNotice, Skeleton } from "@/components/Notice";
import { FileChanges, ValueChanges } from "./Changes";
import { diffQuery, versionsQuery } from "./queries";
import styles from "./templates.module.css";

/** In what two versions differ; the address says which. */
export function TemplateComparison() {
  const [search, setSearch] = useSearchParams();
  const list = useInfiniteQuery(versionsQuery(undefined));
  const versions = list.data?.pages.flatMap((page) => page.template_versions) ?? [];
  const a = search.get("a") ?? "";
  const b = search.get("b") ?? "";
  const { data, error, isLoading, refetch } = useQuery(diffQuery(a, b));
  const options: [string, string][] = [
    ["", "Choose a version"],
    ...versions.map(({ id, name, version }): [string, string] => [id, `${name} ${version}`]),
  ];
  const choose = (side: "a" | "b") => (event: { target: { value: string } }) => {
    const changed = new URLSearchParams(search);
    changed.set(side, event.target.value);
    setSearch(changed, { replace: true });
  };
  return (
    <>
      <Card title="Versions">
        <div className={styles.choices}>
          <Select label="From" value={a} onChange={choose("a")} options={options} />
          <Select label="To" value={b} onChange={choose("b")} options={options} />
        </div>
        {(!a || !b) && (
          <EmptyState title="Two versions, please">Choose what to compare with what.</EmptyState>
        )}
        {a !== "" && a === b && (
          <EmptyState title="The same version twice">There is nothing to compare.</EmptyState>
        )}
        {isLoading && <Skeleton lines={5} label="Comparing" />}
        {error && <ErrorNotice title="They could not be compared" error={error} retry={refetch} />}
        {data?.identical && (
          <EmptyState title="The same bundle">Both have the same digest: not a byte differs.</EmptyState>
        )}
      </Card>
      {data && !data.identical && <Difference diff={data} />}
    </>
  );
}

function Difference({ diff }: { diff: TemplateDiff }) {
  return (
    <>
      <FileChanges changes={diff.files} />
      <ValueChanges
        title="Schema of the inputs"
        none="Both take the same inputs."
        changes={diff.schema.map((each) => ({ ...each, place: each.path || "/" }))}
      />
      <ValueChanges
        title="Strings"
        none="Both use the same words."
        changes={diff.strings.map((each) => ({ ...each, place: each.key, group: each.locale }))}
      />
    </>
  );
}
