import { useInfiniteQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link, useSearchParams } from "react-router";
import type { Lead } from "@/api/types";
import { Button } from "@/components/Button";
import { Card } from "@/components/Card";
import { Listing } from "@/components/Listing";
import { EmptyState } from "@/components/Notice";
import { Badge } from "@/components/Status";
import { Table } from "@/components/Table";
import table from "@/components/Table.module.css";
import { Timestamp } from "@/components/Timestamp";
import { formatCount } from "@/format";
import { EnrichmentState } from "./EnrichmentState";
import { readFilter } from "./filter";
import { LeadFilters } from "./LeadFilters";
import { useIsLive } from "./LiveLeads";
import styles from "./leads.module.css";
import { type LeadFilter, leadsQuery } from "./queries";
import { Selection, withMark } from "./Selection";

/** What can be done with many leads at once: with these, or with all that the filter finds. */
type Together = (
  leads: { ids: string[] } | { filter: LeadFilter; count: number; exact: boolean },
) => ReactNode;

/** All leads, newest first, with their status as it changes. */
export function LeadTable({ together }: { together?: Together }) {
  const [marked, setMarked] = useState<ReadonlySet<string>>(new Set());
  const [search, setSearch] = useSearchParams();
  const filter = readFilter(search);
  const query = useInfiniteQuery(leadsQuery(filter, useIsLive()));
  const leads = query.data?.pages.flatMap((page) => page.leads) ?? [];
  // Only what is seen: a lead that left the list is not reported on unawares.
  const selected = leads.filter(({ id }) => marked.has(id)).map(({ id }) => id);
  const filtered = Object.keys(filter).length > 0;
  const total = query.hasNextPage
    ? `About ${formatCount(Math.max(query.data?.pages[0]?.total_size_estimate ?? 0, leads.length))}`
    : formatCount(leads.length);

  return (
    <Card
      title={query.data ? `${total} ${leads.length === 1 ? "lead" : "leads"}` : "Leads"}
      aside={<LeadFilters />}
    >
      <Listing
        query={query}
        what="leads"
        count={leads.length}
        lines={6}
        empty={
          <EmptyState
            title={filtered ? "No lead matches" : "No leads yet"}
            action={filtered && <Button onClick={() => setSearch({})}>Show all leads</Button>}
          >
            {filtered
              ? "None of your leads has the text, the origin and the state that you ask for."
              : "Type an e-mail address above. Its domain is looked up at once, and a report is one click away."}
          </EmptyState>
        }
      >
        {together && (
          <Selection
            leads={leads}
            marked={marked}
            mark={setMarked}
            action={together(
              selected.length > 0
                ? { ids: selected }
                : {
                    filter,
                    count: query.hasNextPage
                      ? Math.max(query.data?.pages[0]?.total_size_estimate ?? 0, leads.length)
                      : leads.length,
                    exact: !query.hasNextPage,
                  },
            )}
          />
        )}
        <Table columns={["E-mail", "Domain", "Enrichment", "Added", "By"]}>
          {leads.map((lead) => (
            <LeadRow
              key={lead.id}
              lead={lead}
              marked={marked.has(lead.id)}
              mark={together && ((on) => setMarked(withMark(marked, lead.id, on)))}
            />
          ))}
        </Table>
      </Listing>
    </Card>
  );
}

function LeadRow({
  lead,
  marked,
  mark,
}: {
  lead: Lead;
  marked: boolean;
  mark: ((on: boolean) => void) | undefined;
}) {
  return (
    <tr>
      <td>
        <div className={styles.lead}>
          {mark && (
            <input
              type="checkbox"
              className={styles.mark}
              aria-label={`Select ${lead.email}`}
              checked={marked}
              onChange={({ target }) => mark(target.checked)}
            />
          )}
          <div>
            <span className={styles.email}>
              <Link to={`/leads/${lead.id}`} className={table.link}>
                {lead.email}
              </Link>
              {lead.is_manual && <Badge>manual</Badge>}
            </span>
            {lead.name && (
              <span className={styles.name} dir="auto">
                {lead.name}
              </span>
            )}
          </div>
        </div>
      </td>
      <td className={styles.domain}>{lead.domain}</td>
      <td>
        <EnrichmentState lead={lead} />
      </td>
      <td className={table.muted}>
        <Timestamp value={lead.created_at} />
      </td>
      <td className={table.muted}>{lead.created_by}</td>
    </tr>
  );
}
