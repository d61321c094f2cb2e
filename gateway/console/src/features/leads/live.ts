import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import type { Lead, LeadEvent } from "@/api/types";
import type { LeadFilter } from "./queries";

type Page = { leads: Lead[]; next_page_token: string; total_size_estimate: number };
type Pages = InfiniteData<Page, string>;

// More than a person can follow, such as an import: the list is read again instead.
const MANY = 50;

/** Brings what has been read up to date with what has happened since. */
export function apply(queries: QueryClient, events: LeadEvent[]): void {
  if (events.length > MANY) {
    void queries.invalidateQueries({ queryKey: ["leads"] });
    return;
  }
  for (const { kind, lead } of events) {
    if (kind === "HEARTBEAT" || !lead) continue;
    applyToOne(queries, lead);
    for (const [key, pages] of queries.getQueriesData<Pages>({ queryKey: ["leads", "list"] })) {
      if (pages) queries.setQueryData(key, inList(pages, lead, key[2] as LeadFilter));
    }
  }
}

function applyToOne(queries: QueryClient, lead: Lead): void {
  const key = ["leads", "one", lead.id];
  const known = queries.getQueryData<Lead>(key);
  if (!known || known.etag === lead.etag || isOlder(lead, known)) return;
  // Without its e-mail address it is gone for good: reading it says so.
  if (lead.email) queries.setQueryData(key, { ...lead, facts: known.facts });
  // Facts are not in events; they are read again by who shows them.
  void queries.invalidateQueries({ queryKey: key });
}

/** The list with the lead as it is now: changed, gone, or new at its place, newest first. */
export function inList(list: Pages, lead: Lead, filter: LeadFilter): Pages {
  const shown = belongs(lead, filter);
  const known = list.pages.flatMap(({ leads }) => leads).find(({ id }) => id === lead.id);
  if (known) {
    if (isOlder(lead, known)) return list;
    const now = (each: Lead) => (each.id !== lead.id ? [each] : shown ? [lead] : []);
    return { ...list, pages: list.pages.map((page) => ({ ...page, leads: page.leads.flatMap(now) })) };
  }
  const place = list.pages.findIndex(
    ({ leads, next_page_token }) => !next_page_token || leads.some((each) => isBefore(lead, each)),
  );
  if (!shown || place < 0) return list;
  return {
    ...list,
    pages: list.pages.map((page, index) => (index === place ? { ...page, leads: insert(page, lead) } : page)),
  };
}

function insert({ leads }: Page, lead: Lead): Lead[] {
  const at = leads.findIndex((each) => isBefore(lead, each));
  return at < 0 ? [...leads, lead] : [...leads.slice(0, at), lead, ...leads.slice(at)];
}

/** What was read meanwhile may be newer than news on its way. */
function isOlder(one: Lead, other: Lead): boolean {
  return Date.parse(one.updated_at ?? "") < Date.parse(other.updated_at ?? "");
}

/** The order of the list: ids decide between leads of one instant. */
function isBefore(one: Lead, other: Lead): boolean {
  const [a, b] = [Date.parse(one.created_at ?? ""), Date.parse(other.created_at ?? "")];
  return a === b ? one.id > other.id : a > b;
}

/** What the list holds, by the same rules as the server's. */
function belongs(lead: Lead, filter: LeadFilter): boolean {
  const q = filter.q?.toLowerCase() ?? "";
  return (
    lead.email !== "" &&
    [lead.email, lead.domain, lead.name].some((text) => text.toLowerCase().includes(q)) &&
    !lead.delete_time &&
    (filter.is_manual === undefined || filter.is_manual === lead.is_manual) &&
    (filter.enrichment_status === undefined || filter.enrichment_status === lead.enrichment_status)
  );
}
