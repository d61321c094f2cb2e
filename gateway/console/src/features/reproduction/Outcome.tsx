import type { Report, Reproduction } from "@/api/types";
import { Details } from "@/components/Card";
import { Copyable } from "@/components/Copyable";
import { Difference, Differences } from "@/components/Difference";
import { Verdict } from "@/components/Verdict";
import styles from "./reproduction.module.css";
import { pagesOf, partsOf, shareWords, verdictOf } from "./verdict";

/** The verdict, and what it rests on. */
export function Outcome({ report, found }: { report: Report; found: Reproduction }) {
  const parts = partsOf(found);
  const digest = (value: string, label: string) => <Copyable key={label} value={value} label={label} />;
  return (
    <section aria-label="Verdict">
      <Verdict {...verdictOf(found)} heading="h3" />
      <Details
        items={[
          [
            found.identical ? "SHA-256 of all three" : "As issued",
            digest(found.expected_sha256, "SHA-256 as issued"),
          ],
          ["Made now", found.identical ? undefined : digest(found.actual_sha256, "SHA-256 made now")],
          [
            "As stored",
            found.identical
              ? undefined
              : found.stored_sha256
                ? digest(found.stored_sha256, "SHA-256 as stored")
                : "it is gone",
          ],
          ["Environment", found.environment_matches ? "the same as then" : "another than then"],
        ]}
      />
      {parts.length > 0 && (
        <div className={styles.group}>
          <h3>What differs</h3>
          <Differences>
            {parts.map(({ kind, name, expected, actual, message }) => (
              <Difference
                key={`${kind} ${name}`}
                name={<span title={message}>{name}</span>}
                before={expected ? <code>{expected}</code> : "not there"}
                after={actual ? <code>{actual}</code> : "not there"}
              />
            ))}
          </Differences>
        </div>
      )}
      <Pages report={report} found={found} />
    </section>
  );
}

/** Every page that was compared as a small sheet, and in words those that look different. */
function Pages({ report, found }: { report: Report; found: Reproduction }) {
  const different = pagesOf(found);
  if (different.length === 0) return null;
  const marked = new Set(different.map(({ page }) => page));
  const last = Math.max(found.pages_compared, ...marked);
  return (
    <div className={styles.group}>
      <h3>Pages that look different</h3>
      <div className={styles.sheets} aria-hidden="true">
        {Array.from({ length: last }, (_, at) => at + 1).map((page) => (
          <span key={page} className={marked.has(page) ? styles.different : undefined}>
            {page}
          </span>
        ))}
      </div>
      <ul className={styles.pages}>
        {different.map(({ page, share }) => (
          <li key={page}>
            <a href={`${report.pdf_url}#page=${page}`} target="_blank" rel="noopener">
              Page {page}
            </a>
            , {shareWords(share)}
          </li>
        ))}
      </ul>
    </div>
  );
}
