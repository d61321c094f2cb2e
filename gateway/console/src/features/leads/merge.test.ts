import { expect, test } from "vitest";
import type { Lead } from "@/api/types";
import { firstChoices, shownAs } from "./merge";

const lead = (name: string, is_manual = true) => ({ name, is_manual, email: "ada@example.com" }) as Lead;

test("a lead keeps what it says, and takes a name only if it has none", () => {
  expect(firstChoices(lead("Ada"), lead("Grace")).name).toBe("MINE");
  expect(firstChoices(lead(""), lead("Grace")).name).toBe("THEIRS");
  expect(firstChoices(lead(""), lead("")).name).toBe("MINE");
  expect(firstChoices(lead(""), lead("Grace")).email).toBe("MINE");
});

test("what is not there is shown as such", () => {
  expect(shownAs(lead(""), "name")).toBe("–");
  expect(shownAs(lead("", false), "is_manual")).toBe("Imported");
});
