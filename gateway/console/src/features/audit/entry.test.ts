import { expect, test } from "vitest";
import type { AuditEntry } from "@/api/types";
import { callWords, changesOf, fieldWords, isErased, isTelling } from "./entry";

const entry = (more: Partial<AuditEntry>) =>
  ({ action: "UPDATE", changed_fields: [], ...more }) as AuditEntry;

test("a change has what was and what is, and what people look for comes first", () => {
  const changed = entry({
    changed_fields: ["name", "domain", "enriched_at", "email"],
    old_values: { name: "", domain: "a.example", enriched_at: null, email: "a@a.example" },
    new_values: { name: "Ada", domain: "b.example", enriched_at: null, email: "a@b.example" },
  });
  expect(changesOf(changed).map(({ field }) => field)).toEqual(["email", "domain", "name", "enriched_at"]);
  expect(changesOf(changed)[2]).toEqual({ field: "name", before: { value: "" }, after: { value: "Ada" } });
});

test("a lead that is new was nothing before", () => {
  const created = entry({
    action: "CREATE",
    changed_fields: ["email", "import_id"],
    new_values: { email: "a@a.example", import_id: null },
  });
  const [email, importId] = changesOf(created);
  expect(email).toEqual({ field: "email", before: undefined, after: { value: "a@a.example" } });
  expect(email && isTelling(email)).toBe(true);
  expect(importId && isTelling(importId)).toBe(false);
});

test("an erased value is told from one that never was, and from a row that is gone", () => {
  const halfErased = entry({ changed_fields: ["name"], old_values: {}, new_values: { name: "Ada" } });
  expect(changesOf(halfErased)[0]?.before).toBe("erased");
  const gone = entry({ action: "DELETE", changed_fields: ["name"], old_values: { name: "Ada" } });
  expect(changesOf(gone)[0]).toEqual({ field: "name", before: { value: "Ada" }, after: undefined });
  const erased = entry({ changed_fields: ["name"] });
  expect(isErased(erased)).toBe(true);
  expect(isErased(gone)).toBe(false);
  expect(isErased(entry({}))).toBe(false);
  expect(changesOf(erased)[0]).toMatchObject({ before: "erased", after: "erased" });
});

test("a field that became empty is worth a line", () => {
  const emptied = entry({ changed_fields: ["name"], old_values: { name: "Ada" }, new_values: { name: "" } });
  expect(changesOf(emptied).every(isTelling)).toBe(true);
});

test("calls and fields are named in words", () => {
  expect(callWords("leadfactory.lead.v1.LeadService/QuickAddLead")).toBe("Quick add lead");
  expect(fieldWords("is_manual")).toBe("Added by hand");
  expect(fieldWords("registrable_domain")).toBe("Registrable domain");
});
