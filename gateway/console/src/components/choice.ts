import type { TemplateVersion } from "@/api/types";

/** With what a report is made; an empty version is the newest one of the usual template. */
export type Choice = { version: string; locale: string };

export const USUAL: Choice = { version: "", locale: "en" };

const USUAL_TEMPLATE = "website_audit";

/** The version that a choice means among those that there are, which are sorted newest first by name. */
export function chosen(choice: Choice, versions: TemplateVersion[]): TemplateVersion | undefined {
  return versions.find(({ id, name }) => (choice.version ? id === choice.version : name === USUAL_TEMPLATE));
}

/** Another version in the same language if it speaks it, else in the first that it does. */
export function withVersion(choice: Choice, version: TemplateVersion): Choice {
  const speaks = version.locales.includes(choice.locale);
  return { version: version.id, locale: speaks ? choice.locale : (version.locales[0] ?? USUAL.locale) };
}

/** A choice as the API takes it. */
export function asRequest({ version, locale }: Choice) {
  const [template = "", template_version = ""] = version.split("@");
  return { template, template_version, locale };
}
