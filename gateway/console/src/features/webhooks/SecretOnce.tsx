import { Copy } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useAnnounce } from "@/components/Announcer";
import { Button } from "@/components/Button";
import { DialogActions } from "@/components/Dialog";
import text from "@/components/Text.module.css";
import styles from "./webhooks.module.css";

/** The key that signs, for the only time: the end of a dialog that made it. */
export function SecretOnce({ secret, close }: { secret: string; close: () => void }) {
  const announce = useAnnounce();
  const [copied, setCopied] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  // The form that had the keyboard is gone.
  useEffect(() => button.current?.focus(), []);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(secret);
      setCopied(true);
      announce("Copied the secret.");
    } catch {
      announce("The browser refused to copy: select the secret and copy it.");
    }
  };
  return (
    <>
      <p>
        <strong>It is shown this once.</strong> Give it to the receiver, who checks with it that a message is
        from here. A secret that got lost is replaced by a new one.
      </p>
      <code className={styles.secret}>{secret}</code>
      <p className={text.hint}>
        Signed as Standard Webhooks has it: the libraries of standardwebhooks.com take this secret as it is.
      </p>
      <DialogActions>
        <Button ref={button} variant={copied ? "plain" : "primary"} icon={Copy} onClick={copy}>
          {copied ? "Copied" : "Copy the secret"}
        </Button>
        <Button variant={copied ? "primary" : "plain"} onClick={close}>
          I have kept it
        </Button>
      </DialogActions>
    </>
  );
}
