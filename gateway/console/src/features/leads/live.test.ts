import { QueryClient } from "@tanstack/react-query";
import { beforeEach, expect, test } from "vitest";
import type { Lead, LeadEvent } from "@/api/types";
import { apply } from "./live";
import type { LeadFilter } from "./queries";

const lead = (id: string, values: Partial<Lead> = {}): Lead => ({
  id,
  email: `${id}@example.com`,
  domain: "example.com",
  name: "",
  is_manual: true,
  enrichment_status: "PENDING",
  enrichment_task_id: "",
  enrichment_error: "",
  etag: id,
  facts: [],
  created_by: "ada",
  created_at: `2026-11-21T09:00:0${id}Z`,
  merged_into: "",
  import_id: "",
  suggestions: [],
  ...values,
});

const event = (kind: LeadEvent["kind"], it: Lead): LeadEvent => ({ kind, lead: it, resume_token: "t" });

let queries: QueryClient;

/** Reads a list of pages into the cache; the last one is the last there is, unless told otherwise. */
function read(filter: LeadFilter, pages: Lead[][], more = ""): void {
  queries.setQueryData(["leads", "list", filter], {
    pages: pages.map((leads, index) => ({
      leads,
      next_page_token: index === pages.length - 1 ? more : "next",
      total_size_estimate: 0,
    })),
    pageParams: pages.map(() => ""),
  });
}

function shown(filter: LeadFilter = {}): string[][] {
  const list = queries.getQueryData<{ pages: { leads: Lead[] }[] }>(["leads", "list", filter]);
  return list?.pages.map(({ leads }) => leads.map(({ id }) => id)) ?? [];
}

beforeEach(() => {
  queries = new QueryClient();
});

test("a changed lead changes where it stands", () => {
  read({}, [[lead("3"), lead("2")], [lead("1")]]);
  apply(queries, [event("UPDATED", lead("1", { name: "Ada", etag: "x" }))]);
  expect(shown()).toEqual([["3", "2"], ["1"]]);
  const list = queries.getQueryData<{ pages: { leads: Lead[] }[] }>(["leads", "list", {}]);
  expect(list?.pages[1]?.leads[0]?.name).toBe("Ada");
});

test("a new lead stands where the order has it, once", () => {
  read({}, [[lead("4"), lead("2")], [lead("1")]]);
  for (const id of ["5", "3", "0", "5"]) apply(queries, [event("CREATED", lead(id))]);
  expect(shown()).toEqual([
    ["5", "4", "3", "2"],
    ["1", "0"],
  ]);
});

test("a lead that belongs to pages not read yet is not shown", () => {
  read({}, [[lead("4"), lead("2")]], "more");
  apply(queries, [event("UPDATED", lead("1"))]);
  expect(shown()).toEqual([["4", "2"]]);
});

test("a lead leaves a list that it matches no more, and comes to one that it matches now", () => {
  const done = lead("1", { enrichment_status: "COMPLETED", etag: "x" });
  read({ enrichment_status: "PENDING" }, [[lead("1")]]);
  read({ enrichment_status: "COMPLETED", is_manual: true }, [[]]);
  read({ is_manual: false }, [[]]);
  apply(queries, [event("UPDATED", done)]);
  expect(shown({ enrichment_status: "PENDING" })).toEqual([[]]);
  expect(shown({ enrichment_status: "COMPLETED", is_manual: true })).toEqual([["1"]]);
  expect(shown({ is_manual: false })).toEqual([[]]);
});

test("a deleted lead leaves, and comes back when it is undeleted", () => {
  read({}, [[lead("2"), lead("1")]]);
  apply(queries, [event("DELETED", lead("1", { delete_time: "2026-11-21T10:00:00Z" }))]);
  expect(shown()).toEqual([["2"]]);
  apply(queries, [event("UNDELETED", lead("1"))]);
  expect(shown()).toEqual([["2", "1"]]);
  apply(queries, [event("DELETED", lead("2", { email: "", created_at: undefined as never }))]);
  expect(shown()).toEqual([["1"]]);
});

test("the lead itself keeps its facts until they are read again", () => {
  const fact = { provider: "dns", name: "mx" } as Lead["facts"][number];
  queries.setQueryData(["leads", "one", "1"], lead("1", { facts: [fact] }));
  apply(queries, [event("UPDATED", lead("1"))]);
  expect(queries.getQueryState(["leads", "one", "1"])?.isInvalidated).toBe(false);
  apply(queries, [event("UPDATED", lead("1", { etag: "x", name: "Ada" }))]);
  expect(queries.getQueryData<Lead>(["leads", "one", "1"])).toMatchObject({ name: "Ada", facts: [fact] });
  expect(queries.getQueryState(["leads", "one", "1"])?.isInvalidated).toBe(true);
});

test("of very many changes the list is read again", () => {
  read({}, [[lead("1")]]);
  apply(
    queries,
    Array.from({ length: 51 }, () => event("CREATED", lead("2"))),
  );
  expect(shown()).toEqual([["1"]]);
  expect(queries.getQueryState(["leads", "list", {}])?.isInvalidated).toBe(true);
});

test("a searched list takes in what has the text in its address, domain or name, upper and lower case aside", () => {
  read({ q: "acme" }, [[]]);
  const named = lead("2", { name: "ACME Ltd." });
  apply(queries, [event("CREATED", lead("1")), event("CREATED", named)]);
  expect(shown({ q: "acme" })).toEqual([["2"]]);
  apply(queries, [event("UPDATED", { ...named, name: "", updated_at: "2026-11-21T10:00:00Z", etag: "x" })]);
  expect(shown({ q: "acme" })).toEqual([[]]);
});
