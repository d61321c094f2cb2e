import type { TemplateVersion } from "@/api/types";
import { Card, Details } from "@/components/Card";
import { Copyable } from "@/components/Copyable";
import { Table } from "@/components/Table";
import table from "@/components/Table.module.css";
import { Timestamp } from "@/components/Timestamp";
import { formatBytes, formatCount, formatLanguage } from "@/format";
import styles from "./templates.module.css";

/** What a version is, and who made it so. */
export function TemplateDetails({ version }: { version: TemplateVersion }) {
  const when = (at: string | undefined, by: string) =>
    at ? (
      <span>
        <Timestamp value={at} />
        {by && ` by ${by}`}
      </span>
    ) : undefined;
  return (
    <Card title="Version">
      <Details
        items={[
          ["ID", <Copyable key="id" value={version.id} label="version ID" />],
          ["Digest", <Copyable key="digest" value={version.digest} label="bundle digest" />],
          ["Languages", version.locales.map(formatLanguage).join(", ")],
          ["Size", formatBytes(version.size_bytes)],
          ["Origin", version.origin === "SHIPPED" ? "Comes with the product" : "Uploaded"],
          ["Created", when(version.created_at, version.created_by)],
          ["Published", when(version.published_at, version.published_by)],
          ["Retired", when(version.retired_at, version.retired_by)],
        ]}
      />
    </Card>
  );
}

/** What a version consists of. */
export function TemplateFiles({ version }: { version: TemplateVersion }) {
  return (
    <Card title={`${formatCount(version.files.length)} files`}>
      <Table columns={["Name", "Size", "SHA-256"]}>
        {version.files.map((file) => (
          <tr key={file.name}>
            <td>
              <code>{file.name}</code>
            </td>
            <td className={table.muted}>{formatBytes(file.size_bytes)}</td>
            <td className={styles.digest}>
              <Copyable value={file.sha256} label={`SHA-256 of ${file.name}`} />
            </td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}
