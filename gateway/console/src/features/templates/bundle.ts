/** What can be told of a bundle from its files. */

type Files = Map<string, Uint8Array>;

export type StringRow = { key: string; values: (string | undefined)[] };

const STRINGS = /^strings\/([A-Za-z0-9-]+)\.json$/;

/** The strings of every locale, side by side: English first, its keys in their order, then what only others have. */
export function stringTable(files: Files): { locales: string[]; rows: StringRow[] } {
  const byLocale = new Map<string, Record<string, unknown>>();
  for (const name of files.keys()) {
    const locale = STRINGS.exec(name)?.[1];
    if (locale) byLocale.set(locale, readJson(files, name) as Record<string, unknown>);
  }
  const locales = [...byLocale.keys()].sort(
    (a, b) => Number(b === "en") - Number(a === "en") || (a < b ? -1 : 1),
  );
  const keys = new Set(locales.flatMap((locale) => Object.keys(byLocale.get(locale) ?? {})));
  const rows = [...keys].map((key) => ({
    key,
    values: locales.map((locale) => inText(byLocale.get(locale)?.[key])),
  }));
  return { locales, rows };
}

function inText(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  return Array.isArray(value) ? value.join(", ") : String(value);
}

/** The rows in which a text occurs, in the key or in any language, upper and lower case aside. */
export function matching(rows: StringRow[], text: string): StringRow[] {
  const wanted = text.trim().toLowerCase();
  return rows.filter(({ key, values }) =>
    [key, ...values].some((each) => each?.toLowerCase().includes(wanted)),
  );
}

/** A JSON file; undefined if there is none. */
export function readJson(files: Files, name: string): unknown {
  const bytes = files.get(name);
  return bytes && JSON.parse(new TextDecoder().decode(bytes));
}

/** Name and version, as far as a file's name tells them: `letter-1.2.0.zip`. */
export function guess(filename: string): { name: string; version: string } {
  const stem = filename.replace(/\.zip$/i, "");
  const version = /\d+\.\d+\.\d+/.exec(stem)?.[0] ?? "";
  const before = version ? stem.slice(0, stem.indexOf(version)) : stem;
  const name = before
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "_")
    .replace(/^[_0-9]+/, "")
    .replace(/_+v?$/, "");
  return { name, version };
}

/** How a line of a unified diff is to be shown. */
export function lineKind(line: string): "added" | "removed" | "place" | "same" {
  if (line.startsWith("+++") || line.startsWith("---") || line.startsWith("@@")) return "place";
  if (line.startsWith("+")) return "added";
  return line.startsWith("-") ? "removed" : "same";
}
