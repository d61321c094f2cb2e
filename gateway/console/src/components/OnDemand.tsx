import { ChevronDown, ChevronRight } from "lucide-react";
import { type ReactNode, useState } from "react";
import { Button } from "./Button";
import { Card } from "./Card";
import text from "./Text.module.css";

/** A card whose content is read when somebody opens it, and not before: what is read may be noted. */
export function OnDemand({
  title,
  what,
  id,
  allowed = true,
  closed,
  children,
}: {
  title: string;
  /** What is opened, as in "Open the log". */
  what: string;
  id?: string;
  allowed?: boolean;
  /** What stands there until it is opened. */
  closed: ReactNode;
  children: ReactNode;
}) {
  const [open, setOpen] = useState(false);
  return (
    <Card
      title={title}
      {...(id ? { id } : {})}
      aside={
        allowed && (
          <Button
            variant="quiet"
            icon={open ? ChevronDown : ChevronRight}
            aria-expanded={open}
            onClick={() => setOpen(!open)}
          >
            {open ? "Close" : "Open"} {what}
          </Button>
        )
      }
    >
      {open ? children : <p className={text.note}>{closed}</p>}
    </Card>
  );
}
