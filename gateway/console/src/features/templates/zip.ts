/**
 * The files of a ZIP archive by name (APPNOTE 6.3.9): those that are stored or deflated, without ZIP64, which is
 * all that the server writes. Throws for anything else.
 */
export async function readZip(archive: Uint8Array<ArrayBuffer>): Promise<Map<string, Uint8Array>> {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
  const end = findEnd(view);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  const files = new Map<string, Uint8Array>();
  for (let number = 0; number < count; number += 1) {
    if (view.getUint32(at, true) !== 0x02014b50) throw new Error("The archive is damaged.");
    const method = view.getUint16(at + 10, true);
    const packed = view.getUint32(at + 20, true);
    const [name, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ];
    const local = view.getUint32(at + 42, true);
    // The local header has lengths of its own.
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const path = new TextDecoder().decode(archive.subarray(at + 46, at + 46 + name));
    if (!path.endsWith("/")) files.set(path, await unpack(archive.subarray(start, start + packed), method));
    at += 46 + name + extra + comment;
  }
  return files;
}

/** The record at the end, before a comment of up to 64 KiB. */
function findEnd(view: DataView): number {
  for (let at = view.byteLength - 22; at >= Math.max(0, view.byteLength - 65_557); at -= 1) {
    if (view.getUint32(at, true) === 0x06054b50) return at;
  }
  throw new Error("This is no ZIP archive.");
}

async function unpack(packed: Uint8Array<ArrayBuffer>, method: number): Promise<Uint8Array> {
  if (method === 0) return packed;
  if (method !== 8) throw new Error(`The archive is packed in a way (${method}) that is not known here.`);
  const inflated = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(inflated).arrayBuffer());
}
