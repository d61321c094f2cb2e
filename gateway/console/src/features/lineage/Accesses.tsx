import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useHasRole } from "@/api/session";
import type { Report } from "@/api/types";
import { Select } from "@/components/Field";
import { Filters } from "@/components/Filters";
import { Listing } from "@/components/Listing";
import { EmptyState } from "@/components/Notice";
import { OnDemand } from "@/components/OnDemand";
import { formatCount } from "@/format";
import { AccessTable } from "./AccessTable";
import { ACTIONS, accessWords } from "./access";
import { type AccessFilter, accessesQuery, lineageQuery } from "./queries";

/** Who opened a report's lineage, its log or its raw inputs. It is read when asked for: that is audited, too. */
export function Accesses({ report }: { report: Report }) {
  const mayRead = useHasRole("auditor", "admin");
  const { data } = useQuery({ ...lineageQuery(report.id), enabled: report.lineage_status === "RECORDED" });
  if (!data) return null;
  const times = data.access_count === 1 ? "once" : `${formatCount(data.access_count)} times`;
  return (
    <OnDemand
      title="Who opened it"
      what="the accesses"
      id="access"
      allowed={mayRead}
      closed={`Read ${times} when this page asked for it. ${
        mayRead
          ? "Each reading is on record, this list’s own as well."
          : "Each reading is on record; auditors and administrators see whose."
      }`}
    >
      <List lineageId={data.lineage_id} />
    </OnDemand>
  );
}

function List({ lineageId }: { lineageId: string }) {
  const [filter, setFilter] = useState<AccessFilter>({});
  const query = useInfiniteQuery(accessesQuery(lineageId, filter));
  const accesses = query.data?.pages.flatMap((page) => page.accesses) ?? [];
  return (
    <>
      <Filters label="Filter the accesses">
        <Select
          label="What"
          value={filter.action ?? ""}
          onChange={(event) =>
            setFilter(event.target.value ? ({ action: event.target.value } as AccessFilter) : {})
          }
          options={[["", "All"], ...ACTIONS.map((each): [string, string] => [each, accessWords(each)[0]])]}
        />
      </Filters>
      <Listing
        query={query}
        what="accesses"
        count={accesses.length}
        lines={4}
        empty={<EmptyState title="No access matches">Nobody did this to this lineage.</EmptyState>}
      >
        <AccessTable accesses={accesses} />
      </Listing>
    </>
  );
}
