/** One text for a tensor of a scope, to key maps with: names alone repeat between bodies. */
export function tensorKey(scope: readonly string[], name: string): string {
  return JSON.stringify([scope, name])
}
