import type { AxisLabel } from './stored-axes.ts'

/**
 * What each axis of operand `operand` is in an Einsum: summed axes are depth, axes kept and shared with another operand
 * stack, other kept axes channels. Null for ellipses, repeated letters (diagonals) and equations that do not fit.
 */
export function einsumLabels(equation: string, operand: number, rank: number): readonly AxisLabel[] | null {
  const plain = equation.replaceAll(' ', '')
  if (plain.includes('.')) return null
  const [left = '', right, ...more] = plain.split('->')
  const terms = left.split(',')
  const own = terms[operand]
  if (own === undefined || more.length > 0 || own.length !== rank || new Set(own).size !== rank) return null
  const others = terms.filter((_, index) => index !== operand).join('')
  const kept = right ?? lettersSeenOnce(left)
  return [...own].map((letter) => {
    if (!kept.includes(letter)) return 'depth'
    return others.includes(letter) ? 'stack' : 'channel'
  })
}

/** Without an arrow the result holds every letter that occurs exactly once. */
function lettersSeenOnce(left: string): string {
  const letters = left.replaceAll(',', '')
  return [...letters].filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter)).join('')
}
