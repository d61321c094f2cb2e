import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useHasRole } from "@/api/session";
import type { TemplateVersion } from "@/api/types";
import { Card } from "@/components/Card";
import { TextField } from "@/components/Field";
import { EmptyState, ErrorNotice, Skeleton } from "@/components/Notice";
import { Scroll } from "@/components/Scroll";
import { Badge } from "@/components/Status";
import text from "@/components/Text.module.css";
import { formatCount, formatLanguage } from "@/format";
import { matching, readJson, stringTable } from "./bundle";
import { filesQuery } from "./queries";
import styles from "./templates.module.css";

/** The schema of the inputs and the words of every language, as they are in the bundle. */
export function TemplateContents({ version }: { version: TemplateVersion }) {
  const mayRead = useHasRole("operator", "auditor", "admin");
  const { data: files, error, isLoading, refetch } = useQuery({ ...filesQuery(version), enabled: mayRead });
  if (!mayRead) {
    return (
      <p className={text.hint}>Reading the schema and the strings needs the operator or the auditor role.</p>
    );
  }
  return (
    <>
      {isLoading && <Skeleton lines={4} label="Loading the bundle" />}
      {error && <ErrorNotice title="The bundle could not be read" error={error} retry={refetch} />}
      {files && <Strings files={files} />}
      {files && (
        <Card title="Schema of the inputs" aside={<span className={text.hint}>JSON Schema</span>}>
          <Scroll label="Schema as JSON">
            <pre className={styles.text}>{JSON.stringify(readJson(files, "schema.json"), null, 2)}</pre>
          </Scroll>
        </Card>
      )}
    </>
  );
}

function Strings({ files }: { files: Map<string, Uint8Array> }) {
  const { locales, rows } = useMemo(() => stringTable(files), [files]);
  const [text, setText] = useState("");
  const shown = matching(rows, text);
  return (
    <Card title={`${formatCount(rows.length)} strings`}>
      <div className={styles.search}>
        <TextField
          label="Search the strings"
          type="search"
          autoComplete="off"
          value={text}
          onChange={({ target }) => setText(target.value)}
        />
      </div>
      {shown.length === 0 ? (
        <EmptyState title="No string matches">Keys and the words of every language are searched.</EmptyState>
      ) : (
        <Scroll label="Strings">
          <table className={styles.strings}>
            <thead>
              <tr>
                <th scope="col">Key</th>
                {locales.map((locale) => (
                  <th key={locale} scope="col">
                    {formatLanguage(locale)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {shown.map(({ key, values }) => (
                <tr key={key}>
                  <th scope="row">
                    <code>{key}</code>
                  </th>
                  {values.map((value, at) => (
                    <td key={locales[at]} lang={locales[at]}>
                      {value ?? <Badge>missing</Badge>}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Card>
  );
}
