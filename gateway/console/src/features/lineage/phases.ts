import type { Lineage } from "@/api/types";

export type Phase = { name: string; kind: "waiting" | "running" | "recording"; seconds: number };

/**
 * The stretches of a report's way into lineage. The moments were taken by the clocks of several
 * processes, so a stretch that would be negative counts as nothing.
 */
export function phasesOf(lineage: Lineage, requestedAt: string | undefined): Phase[] {
  const { pipeline_start_time: start, pipeline_end_time: end, created_at: recorded } = lineage;
  return [
    { name: "Waited", kind: "waiting", seconds: between(requestedAt, start) },
    { name: "Pipeline", kind: "running", seconds: lineage.pipeline_duration_seconds },
    { name: "Recording", kind: "recording", seconds: between(end, recorded) },
  ];
}

function between(earlier: string | undefined, later: string | undefined): number {
  if (!earlier || !later) return 0;
  return Math.max(0, (Date.parse(later) - Date.parse(earlier)) / 1000);
}
