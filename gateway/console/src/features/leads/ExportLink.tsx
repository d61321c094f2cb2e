import { Download } from "lucide-react";
import { useSearchParams } from "react-router";
import { ButtonFile } from "@/components/Button";
import { readFilter } from "./filter";

/** The list as it is filtered, as a file. */
export function ExportLink() {
  const [search] = useSearchParams();
  const query = new URLSearchParams(
    Object.entries(readFilter(search)).map(([key, value]) => [key, String(value)]),
  );
  return (
    <ButtonFile icon={Download} href={`/api/leads:export?${query}`} download>
      Export
    </ButtonFile>
  );
}
