/** The name that a picture keeps in the collection. Pure. */

const LONGEST = 200;

/** Without folders, control characters and marks of direction; shortened in the middle of the stem, so that the ending stays. */
export function keptName(name: string): string {
  const last = name.split(/[/\\]/).pop() ?? "";
  const letters = [...last.replace(/[\p{Cc}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "").trim().normalize("NFC")];
  if (letters.length <= LONGEST) return letters.join("");
  const dot = letters.lastIndexOf(".");
  const ending = dot > 0 && letters.length - dot <= 16 ? letters.slice(dot) : [];
  return [...letters.slice(0, LONGEST - 1 - ending.length), "…", ...ending].join("");
}
