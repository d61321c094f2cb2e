import { expect, test } from "vitest";
import type { TemplateVersion } from "@/api/types";
import { asRequest, chosen, USUAL, withVersion } from "./choice";

const version = (id: string, ...locales: string[]) =>
  ({ id, name: id.split("@")[0], locales }) as unknown as TemplateVersion;

const versions = [
  version("letter@3.0.0", "fr"),
  version("website_audit@2.0.0", "de", "en"),
  version("website_audit@1.0.0", "en"),
];

test("nothing chosen is the newest of the usual template", () => {
  expect(chosen(USUAL, versions)?.id).toBe("website_audit@2.0.0");
  expect(chosen({ version: "letter@3.0.0", locale: "fr" }, versions)?.id).toBe("letter@3.0.0");
  expect(chosen(USUAL, [])).toBeUndefined();
});

test("the language is kept where the other version speaks it", () => {
  const german = { version: "website_audit@2.0.0", locale: "de" };
  expect(withVersion(german, versions[2] as TemplateVersion).locale).toBe("en");
  expect(withVersion(USUAL, versions[1] as TemplateVersion).locale).toBe("en");
  expect(withVersion(USUAL, versions[0] as TemplateVersion).locale).toBe("fr");
});

test("the API gets name and version apart, and neither for the usual", () => {
  expect(asRequest({ version: "website_audit@1.0.0", locale: "en" })).toEqual({
    template: "website_audit",
    template_version: "1.0.0",
    locale: "en",
  });
  expect(asRequest(USUAL)).toEqual({ template: "", template_version: "", locale: "en" });
});
