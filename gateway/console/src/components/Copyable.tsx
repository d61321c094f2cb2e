import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { useAnnounce } from "./Announcer";
import styles from "./Copyable.module.css";

/** A button that copies `value`; `label` names the thing, as in "Copy lead ID". */
export function CopyButton({ value, label }: { value: string; label: string }) {
  const announce = useAnnounce();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1600);
    return () => clearTimeout(timer);
  }, [copied]);

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      setCopied(true);
      announce(`Copied ${label}.`);
    } catch {
      announce("The browser refused to copy.");
    }
  };
  const Icon = copied ? Check : Copy;
  return (
    <button
      type="button"
      className={styles.copy}
      aria-label={`Copy ${label}`}
      title={`Copy ${label}`}
      onClick={copy}
    >
      <Icon aria-hidden size={14} />
    </button>
  );
}

/** An identifier or digest: whole in the page, so that it can be searched and selected, short to the eye. */
export function Copyable({ value, label }: { value: string; label: string }) {
  return (
    <span className={styles.copyable}>
      <code title={value}>{value}</code>
      <CopyButton value={value} label={label} />
    </span>
  );
}
