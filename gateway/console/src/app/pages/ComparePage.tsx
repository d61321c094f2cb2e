import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useParams, useSearchParams } from "react-router";
import { useHasRole } from "@/api/session";
import { EmptyState, ErrorNotice, Skeleton } from "@/components/Notice";
import { PageHeader } from "@/components/PageHeader";
import { Comparison } from "@/features/comparison/Comparison";
import { inOrder } from "@/features/comparison/order";
import { ChooseOther } from "@/features/reports/ChooseOther";
import { byNearness } from "@/features/reports/others";
import { reportQuery, reportsQuery } from "@/features/reports/queries";

/** One report against another: the one that the address names, else the nearest on the same lead. */
export function ComparePage() {
  const { id = "" } = useParams();
  const [search, setSearch] = useSearchParams();
  const { data: report, error, refetch } = useQuery(reportQuery(id));
  const onLead = useInfiniteQuery({
    ...reportsQuery({ lead_id: report?.lead_id ?? "" }),
    enabled: report !== undefined,
  });
  const nearest = report && byNearness(report, onLead.data?.pages.flatMap((page) => page.reports) ?? [])[0];
  const chosen = search.get("with") ?? nearest?.id ?? "";
  const other = useQuery({ ...reportQuery(chosen), enabled: chosen !== "" });
  const allowed = useHasRole("operator", "auditor", "admin");
  const missing = error ?? other.error;
  return (
    <>
      <PageHeader title="Compare reports" back={{ to: `/reports/${id}`, text: "Report" }} />
      {!allowed && (
        <EmptyState title="Not for your role">
          Comparing opens the raw inputs of both reports, which needs the operator or auditor role: they hold
          the lead’s personal data.
        </EmptyState>
      )}
      {allowed && report && (
        <ChooseOther
          report={report}
          chosen={chosen}
          choose={(picked) => setSearch({ with: picked }, { replace: true })}
        />
      )}
      {missing && (
        <ErrorNotice
          title="A report could not be read"
          error={missing}
          retry={error ? refetch : other.refetch}
        />
      )}
      {allowed && report && other.data && <Ordered one={report} other={other.data} />}
      {allowed && !missing && !other.data && (chosen || onLead.isPending) && (
        <Skeleton lines={6} label="Reading both reports" />
      )}
      {allowed && onLead.data && !chosen && (
        <EmptyState title="Nothing to compare with">
          This lead has no other report. Choose any report by its ID.
        </EmptyState>
      )}
    </>
  );
}

type Two = { one: Parameters<typeof inOrder>[0]; other: Parameters<typeof inOrder>[1] };

function Ordered({ one, other }: Two) {
  const [earlier, later] = inOrder(one, other);
  return <Comparison key={`${earlier.id} ${later.id}`} earlier={earlier} later={later} />;
}
