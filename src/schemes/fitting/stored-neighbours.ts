/** The stored numbers on both sides of `wanted`, the nearer one first; only one where it is as good as equal. */
export function storedNeighbours(wanted: number, round: (offset: number) => number): number[] {
  const nearest = round(wanted)
  if (!Number.isFinite(nearest)) return []
  const missing = wanted - nearest
  if (Math.abs(missing) <= 1e-7 * Math.abs(wanted)) return [nearest]
  for (const far of [1.001, 1.5, 2.5, 5]) {
    const other = round(wanted + missing * far)
    if (other !== nearest && Number.isFinite(other)) return [nearest, other]
  }
  return [nearest]
}
