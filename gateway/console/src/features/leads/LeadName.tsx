import { useQuery } from "@tanstack/react-query";
import { leadQuery } from "./queries";

/** Who a lead is, for places that know only its id. */
export function LeadName({ id }: { id: string }) {
  const { data, isError } = useQuery({ ...leadQuery(id), staleTime: 300_000, refetchInterval: false });
  return data?.email ?? (isError ? id : "…");
}
