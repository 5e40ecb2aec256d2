/**
 * How the names of one layout become those of another: what a pattern matches at the beginning of a name is replaced. The
 * first rule that fits counts. The replacement is given the numbers in the pattern's groups.
 */
export type NameRules = readonly (readonly [beginning: RegExp, replacement: (...numbers: number[]) => string])[];

/**
 * The name in the other layout; undefined where no rule fits.
 *
 * @param parts - What the parts inside a layer are called there, by what they are called here: `in_layers.2` is `conv1`.
 */
export function translateName(
  name: string,
  rules: NameRules,
  parts: Readonly<Record<string, string>>,
): string | undefined {
  for (const [beginning, replacement] of rules) {
    const match = beginning.exec(name);
    if (match !== null) {
      const rest = name.slice(match[0].length);
      const part = Object.keys(parts).find((key) => rest.startsWith(`${key}.`));
      const translatedRest = part === undefined ? rest : `${parts[part] ?? part}${rest.slice(part.length)}`;
      return replacement(...match.slice(1).map(Number)) + translatedRest;
    }
  }
  return undefined;
}
