import type { Numbers } from './elements.ts'

/** Whether the shares of every row of so many classes add up to one. `shareOf` makes a share of a number; default: it is one. */
export function addUpToOne(numbers: Numbers, classes: number, shareOf = (number: number): number => number): boolean {
  for (let start = 0; start + classes <= numbers.length; start += classes) {
    let sum = 0
    for (let i = start; i < start + classes; i += 1) sum += shareOf(numbers[i]!)
    if (!(Math.abs(sum - 1) < 1e-2)) return false
  }
  return true
}
