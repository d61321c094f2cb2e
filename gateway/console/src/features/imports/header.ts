/** The header of a CSV file, read in the browser to offer its columns; the server has the last word. */

export const FIELDS = ["email", "domain", "name"] as const;
export type Field = (typeof FIELDS)[number];
/** The header of the column that each field stands in; empty if none does. */
export type Mapping = Record<Field, string>;

const DELIMITERS = [",", ";", "\t"];
const USUAL: Record<Field, string[]> = {
  email: ["email", "emailaddress", "mail", "mailaddress", "emailadresse", "courriel", "correo"],
  domain: ["domain", "website", "webseite", "homepage", "site", "url", "host", "hostname", "web"],
  name: [
    "name",
    "fullname",
    "displayname",
    "contact",
    "company",
    "companyname",
    "firma",
    "organization",
    "organisation",
  ],
};

/** Reads the first row of a file's beginning: RFC 4180, separated by what it has most of. Empty if it is no text. */
export function readHeader(text: string): string[] {
  const start = text.replace(/^\uFEFF?[\r\n]*/, "");
  const line = start.split(/[\r\n]/, 1)[0] ?? "";
  const unquoted = line.split('"').filter((_, at) => at % 2 === 0);
  const count = (delimiter: string) => unquoted.join("").split(delimiter).length;
  const delimiter = DELIMITERS.reduce((best, each) => (count(each) > count(best) ? each : best));
  const cells = [""];
  let quoted = false;
  for (let at = 0; at < start.length; at += 1) {
    const here = start.charAt(at);
    if (quoted ? here === '"' && start.charAt(at + 1) !== '"' : here === '"' && cells.at(-1) === "") {
      quoted = !quoted;
    } else if (quoted) {
      cells[cells.length - 1] += here;
      if (here === '"') at += 1;
    } else if (here === "\r" || here === "\n") break;
    else if (here === delimiter) cells.push("");
    else cells[cells.length - 1] += here;
  }
  const found = cells.map((cell) => cell.trim()).filter((cell) => cell !== "");
  return found.some((cell) => cell.includes("\0") || cell.includes("\uFFFD")) ? [] : found;
}

/** Finds the columns that people usually call so. */
export function guess(header: string[]): Mapping {
  const plain = header.map((cell) => cell.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, ""));
  const find = (field: Field) => {
    const name = USUAL[field].find((each) => plain.includes(each));
    return name === undefined ? "" : (header[plain.indexOf(name)] ?? "");
  };
  return { email: find("email"), domain: find("domain"), name: find("name") };
}
