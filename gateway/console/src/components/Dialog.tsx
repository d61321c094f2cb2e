import { X } from "lucide-react";
import { type ReactNode, useId, useLayoutEffect, useRef } from "react";
import { Button } from "./Button";
import styles from "./Dialog.module.css";

/** A modal dialog: the browser keeps the focus inside, and gives it back at the end. Escape closes it. */
export function Dialog({
  title,
  close,
  children,
}: {
  title: string;
  /** Absent while it must stay open. */
  close?: (() => void) | undefined;
  children: ReactNode;
}) {
  const heading = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  // Before it is gone from the page: closing it is what gives the focus back.
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      className={styles.dialog}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        close?.();
      }}
    >
      <header className={styles.header}>
        <h2 id={heading}>{title}</h2>
        <Button variant="quiet" icon={X} aria-label="Close" disabled={!close} onClick={close} />
      </header>
      <div className={styles.body}>{children}</div>
    </dialog>
  );
}

/** What can be done in a dialog, at its end. */
export function DialogActions({ children }: { children: ReactNode }) {
  return <footer className={styles.actions}>{children}</footer>;
}
