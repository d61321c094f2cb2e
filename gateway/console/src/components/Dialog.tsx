import { X } from "lucide-react";
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Button } from "./Button";
import styles from "./Dialog.module.css";

/** A window above the screen; Escape and its cross close it, and the keyboard goes back to where it came from. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ReactNode;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const [before] = useState(() => document.activeElement);
  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
    // Where its owner takes it off the screen instead of closing it, the browser loses the place.
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, [before]);
  return (
    <dialog ref={dialog} className={styles.dialog} aria-labelledby={heading} onClose={onClose}>
      <header className={styles.header}>
        <h2 id={heading}>{title}</h2>
        <Button variant="quiet" icon={X} aria-label="Close" onClick={() => dialog.current?.close()} />
      </header>
      <div className={styles.body}>{children}</div>
    </dialog>
  );
}

/** What can be done in a dialog, at its end. */
export function DialogActions({ children }: { children: ReactNode }) {
  return <footer className={styles.actions}>{children}</footer>;
}
