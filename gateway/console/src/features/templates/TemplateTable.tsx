import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useSearchParams } from "react-router";
import type { TemplateVersion } from "@/api/types";
import { Card } from "@/components/Card";
import { Select } from "@/components/Field";
import { Filters } from "@/components/Filters";
import { Listing } from "@/components/Listing";
import { EmptyState } from "@/components/Notice";
import { Status } from "@/components/Status";
import { Table } from "@/components/Table";
import table from "@/components/Table.module.css";
import { Timestamp } from "@/components/Timestamp";
import { formatBytes, formatLanguage } from "@/format";
import { versionsQuery } from "./queries";
import { templateLook } from "./status";

const STATES: TemplateVersion["status"][] = ["DRAFT", "PUBLISHED", "RETIRED"];

/** Every version of every template, by name, the newest first. */
export function TemplateTable() {
  const [search, setSearch] = useSearchParams();
  const status = STATES.find((each) => each === search.get("status"));
  const query = useInfiniteQuery(versionsQuery(status));
  const versions = query.data?.pages.flatMap((page) => page.template_versions) ?? [];
  return (
    <Card
      title="Versions"
      aside={
        <Filters label="Filter versions">
          <Select
            label="State"
            value={status ?? ""}
            onChange={({ target }) => setSearch(target.value ? { status: target.value } : {})}
            options={[
              ["", "All"],
              ...STATES.map((each): [string, string] => [each, templateLook(each).label]),
            ]}
          />
        </Filters>
      }
    >
      <Listing
        query={query}
        what="versions"
        count={versions.length}
        lines={3}
        empty={
          <EmptyState title="No version is in this state">
            An uploaded bundle is a draft; publishing it lets reports be made with it.
          </EmptyState>
        }
      >
        <Table columns={["Version", "State", "Languages", "Size", "Origin", "Published"]}>
          {versions.map((version) => (
            <VersionRow key={version.id} version={version} />
          ))}
        </Table>
      </Listing>
    </Card>
  );
}

function VersionRow({ version }: { version: TemplateVersion }) {
  return (
    <tr>
      <td>
        <Link to={`/templates/${version.id}`} className={table.link}>
          {version.name} {version.version}
        </Link>
      </td>
      <td>
        <Status {...templateLook(version.status)} />
      </td>
      <td className={table.muted}>{version.locales.map(formatLanguage).join(", ")}</td>
      <td className={table.muted}>{formatBytes(version.size_bytes)}</td>
      <td className={table.muted}>
        {version.origin === "SHIPPED" ? "with the product" : `by ${version.created_by}`}
      </td>
      <td className={table.muted}>{version.published_at && <Timestamp value={version.published_at} />}</td>
    </tr>
  );
}
