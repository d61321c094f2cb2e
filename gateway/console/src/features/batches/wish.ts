import { answer, api } from "@/api/client";
import type { EnrichmentStatus } from "@/api/types";
import { formatCount } from "@/format";

/** Which leads to report on: these, or all that a list is filtered to, whose number is then about `count`. */
export type Wish = { count: number; exact: boolean } & ({ ids: string[] } | { filter: Filter });

type Filter = { q?: string; import_id?: string; is_manual?: boolean; enrichment_status?: EnrichmentStatus };

const MOST = 1000;

export function leadsInWords(wish: Wish): string {
  const leads = `${formatCount(wish.count)} ${wish.count === 1 ? "lead" : "leads"}`;
  if (!wish.exact) return `all leads shown, about ${formatCount(wish.count)}`;
  return "ids" in wish || wish.count === 1 ? leads : `all ${leads}`;
}

/** The leads as the API takes them. It knows no imports, so that theirs are named one by one. */
export async function asLeads(wish: Wish): Promise<{ lead_ids: string[] } | { filter: Filter }> {
  if ("ids" in wish) return { lead_ids: wish.ids };
  if (!wish.filter.import_id) return { filter: wish.filter };
  const lead_ids: string[] = [];
  let page_token = "";
  do {
    const query = { ...wish.filter, page_size: 200, page_token };
    const page = await answer(api.GET("/api/leads", { params: { query } }));
    lead_ids.push(...page.leads.map(({ id }) => id));
    page_token = page.next_page_token;
    if (lead_ids.length > MOST) {
      throw new Error(`These are more than ${formatCount(MOST)} leads: select some of them.`);
    }
  } while (page_token);
  return { lead_ids };
}
