import { formatBytes } from "@/format";

/** As much as the service reads. */
export const LARGEST = 64 * 1024 * 1024;

// A PDF says so within its first bytes, as readers have it (ISO 32000-2, annex).
const HEAD = 1024;
const MAGIC = "%PDF-";

/** Why a file need not be sent at all, as a sentence; undefined if it may be a PDF. */
export async function refusalOf(file: Blob): Promise<string | undefined> {
  if (file.size === 0) return "The file is empty.";
  if (file.size > LARGEST)
    return `The file has ${formatBytes(file.size)}; a PDF of at most ${formatBytes(LARGEST)} can be looked up. Its SHA-256 can be, whatever its size.`;
  const head = new TextDecoder("latin1").decode(await file.slice(0, HEAD).arrayBuffer());
  return head.includes(MAGIC) ? undefined : "The file is not a PDF: it does not begin as one.";
}

/** SHA-256 of a file in hexadecimal, computed here: the file stays where it is. */
export async function sha256Of(file: Blob): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The SHA-256 in what somebody pasted, such as a line of `sha256sum`; undefined if there is none. */
export function digestIn(text: string): string | undefined {
  return /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/i.exec(text)?.[0].toLowerCase();
}
