/**
 * The first key that stands twice in a JSON object, its nested objects not looked at. `JSON.parse` keeps the last one and
 * says nothing.
 *
 * @param json - Text that `JSON.parse` takes.
 */
export function repeatedKey(json: string): string | undefined {
  const keys = new Set<string>();
  let depth = 0;
  let keyComes = false;
  for (const [token] of json.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],]/gs)) {
    if (token === '{' || token === '[') {
      depth++;
      keyComes = depth === 1;
    } else if (token === '}' || token === ']') {
      depth--;
    } else if (token === ',') {
      keyComes = depth === 1;
    } else if (keyComes) {
      const key = JSON.parse(token) as string;
      if (keys.has(key)) {
        return key;
      }
      keys.add(key);
      keyComes = false;
    }
  }
  return undefined;
}
