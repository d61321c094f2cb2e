import type { StorageShare, StorageUsage } from "@/api/types";

/** All bytes on disk. */
export function onDisk(usage: Pick<StorageUsage, "disk">): number {
  return usage.disk.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** How long a share's bar is, in per cent of the longest; what is there at all can be seen. */
export function barLength(share: StorageShare, shares: StorageShare[]): number {
  const longest = Math.max(...shares.map(({ bytes }) => bytes));
  if (share.bytes === 0 || longest === 0) return 0;
  return Math.max(1, (100 * share.bytes) / longest);
}
