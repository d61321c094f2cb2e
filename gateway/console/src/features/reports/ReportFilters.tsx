import { X } from "lucide-react";
import { useSearchParams } from "react-router";
import { Button } from "@/components/Button";
import { Select } from "@/components/Field";
import { Filters } from "@/components/Filters";
import { Badge } from "@/components/Status";
import { readFilter } from "./filter";

/** Narrows a list of reports; the address keeps the choice. */
export function ReportFilters() {
  const [search, setSearch] = useSearchParams();
  const { status, lead_id, batch_id } = readFilter(search);
  return (
    <Filters label="Filter reports">
      {lead_id && <Badge>on one lead</Badge>}
      {batch_id && <Badge>of one batch</Badge>}
      <Select
        label="Status"
        value={status ?? ""}
        onChange={({ target }) => {
          const changed = new URLSearchParams(search);
          if (target.value) changed.set("status", target.value);
          else changed.delete("status");
          setSearch(changed);
        }}
        options={[
          ["", "All"],
          ["QUEUED", "Queued"],
          ["RUNNING", "Being made"],
          ["COMPLETED", "Completed"],
          ["FAILED", "Failed"],
          ["CANCELLED", "Cancelled"],
        ]}
      />
      {(status || lead_id || batch_id) && (
        <Button variant="quiet" icon={X} onClick={() => setSearch({})}>
          Clear
        </Button>
      )}
    </Filters>
  );
}
