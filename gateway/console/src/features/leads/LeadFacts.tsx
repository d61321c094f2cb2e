import type { Fact, Lead } from "@/api/types";
import { Card } from "@/components/Card";
import { Copyable } from "@/components/Copyable";
import { EmptyState, Skeleton } from "@/components/Notice";
import { Status } from "@/components/Status";
import text from "@/components/Text.module.css";
import { Timestamp } from "@/components/Timestamp";
import styles from "./leads.module.css";
import { isBeingEnriched } from "./queries";
import { factLook } from "./status";

const PROVIDERS: Record<string, string> = {
  dns: "Domain name system",
  tls: "Certificate",
  homepage: "Home page",
  mail: "Mail authentication",
  address: "E-mail address",
  site: "Around the site",
};

/** Everything that enrichment learned, by who was asked, each with its source. */
export function LeadFacts({ lead }: { lead: Lead }) {
  if (lead.facts.length === 0) {
    return (
      <Card title="Facts">
        {isBeingEnriched(lead) ? (
          <Skeleton lines={5} label={`Looking up ${lead.domain}`} />
        ) : (
          <EmptyState title="Nothing is known yet">
            {lead.enrichment_error || "This lead’s domain was not looked up."}
          </EmptyState>
        )}
      </Card>
    );
  }
  const groups = Map.groupBy(lead.facts, (fact) => fact.provider);
  return [...groups].map(([provider, facts]) => (
    <Card
      key={provider}
      title={PROVIDERS[provider] ?? provider}
      aside={
        <span className={text.hint}>
          {facts.filter((fact) => fact.state === "FOUND").length} of {facts.length} found
        </span>
      }
    >
      <ul>
        {facts.map((fact) => (
          <FactRow key={fact.name} fact={fact} />
        ))}
      </ul>
    </Card>
  ));
}

function FactRow({ fact }: { fact: Fact }) {
  return (
    <li className={styles.fact}>
      <h3>
        <code>{fact.name}</code>
      </h3>
      <div className={styles.values}>
        {fact.state !== "FOUND" && (
          <p className={styles.reason}>
            <Status {...factLook(fact.state)} /> {fact.reason}
          </p>
        )}
        {fact.values.map((value, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a record may be there twice, and the order is the source's
          <p key={index} className={styles.value}>
            {value}
          </p>
        ))}
        <p className={styles.source}>
          <span>{fact.method}</span>
          {fact.source && fact.source !== fact.method && <span>{fact.source}</span>}
          <Timestamp value={fact.observed_at} />
          {fact.evidence_sha256 && (
            <Copyable
              value={fact.evidence_sha256}
              label={`evidence SHA-256 of ${fact.provider} ${fact.name}`}
            />
          )}
        </p>
      </div>
    </li>
  );
}
