/**
 * One JSON text of any report, indented, ending in a line end. JSON has no infinities: they become the strings
 * "Infinity", "-Infinity" and "NaN", which `Number()` and Python's `float()` read back.
 */
export function toJson(report: unknown): string {
  return `${JSON.stringify(report, (_key, value) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value), 2)}\n`
}
