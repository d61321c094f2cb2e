import { X } from "lucide-react";
import { useSearchParams } from "react-router";
import { Button } from "@/components/Button";
import { SearchField, Select } from "@/components/Field";
import { Filters } from "@/components/Filters";
import { Badge } from "@/components/Status";
import { LONGEST_SEARCH, readFilter, withFilter } from "./filter";

/** Narrows the list; the address keeps the choice, so it can be shared and gone back to. */
export function LeadFilters() {
  const [search, setSearch] = useSearchParams();
  const { q, is_manual, enrichment_status, import_id } = readFilter(search);
  return (
    <Filters label="Filter leads">
      {import_id && <Badge>of one import</Badge>}
      <SearchField
        label="Search"
        placeholder="E-mail, domain or name"
        maxLength={LONGEST_SEARCH}
        value={q ?? ""}
        // A search is one place to go back to, not one for each letter.
        change={(text) => setSearch(withFilter(search, "q", text.trim()), { replace: true })}
      />
      <Select
        label="Origin"
        value={is_manual === undefined ? "" : String(is_manual)}
        onChange={(event) => setSearch(withFilter(search, "is_manual", event.target.value))}
        options={[
          ["", "All"],
          ["true", "Added by hand"],
          ["false", "Imported"],
        ]}
      />
      <Select
        label="Enrichment"
        value={enrichment_status ?? ""}
        onChange={(event) => setSearch(withFilter(search, "enrichment_status", event.target.value))}
        options={[
          ["", "All"],
          ["PENDING", "Waiting or not begun"],
          ["IN_PROGRESS", "Looking up"],
          ["COMPLETED", "Enriched"],
          ["FAILED", "Failed"],
        ]}
      />
      {(q || is_manual !== undefined || enrichment_status || import_id) && (
        <Button variant="quiet" icon={X} onClick={() => setSearch({})}>
          Clear
        </Button>
      )}
    </Filters>
  );
}
