import { expect, test } from "vitest";
import { guess, readHeader } from "./header";

test.each([
  ["email,name\na@b.example,Ada", ["email", "name"]],
  ["\uFEFFE-Mail;Website;Company\r\n", ["E-Mail", "Website", "Company"]],
  ["a\tb,c\td", ["a", "b,c", "d"]],
  ['"Name, full","say ""hi""",email', ["Name, full", 'say "hi"', "email"]],
  ['"two\r\nlines",email\n1,2', ["two\r\nlines", "email"]],
  ["\n\nemail", ["email"]],
  ["", []],
  ["\uFFFD\uFFFDe\0m\0a\0i\0l\0", []],
  ["Gr\uFFFD\uFFFDe,email", []],
])("the header of %j is read as the server reads it", (text, expected) => {
  expect(readHeader(text)).toEqual(expected);
});

test("columns are found under their usual names", () => {
  expect(guess(["Company", "E-Mail Address", "Web Site"])).toEqual({
    email: "E-Mail Address",
    domain: "Web Site",
    name: "Company",
  });
  expect(guess(["Company", "Name", "Phone"])).toEqual({ email: "", domain: "", name: "Name" });
});
