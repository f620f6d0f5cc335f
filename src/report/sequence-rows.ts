import type { OutputFigures, SequenceFigures } from '../model/report.ts'
import { countText } from './figures.ts'

/** A sequence both ways, as it is used first: what it is, what to know about it, and the outputs but for the states themselves. */
export type SequenceRow = readonly [name: string, about: string, outputs: readonly OutputFigures[]]

export function sequenceRows(sequence: SequenceFigures | undefined): readonly SequenceRow[] {
  if (sequence === undefined) return []
  const { states, steps, ownStates, sameStates } = sequence
  const carried = new Set(states.map(({ output }) => output))
  const answers = (outputs: readonly OutputFigures[]) => {
    const others = outputs.filter(({ name }) => !carried.has(name))
    return others.length > 0 ? others : outputs
  }
  return [
    ['own states', `along ${countText(steps, 'step')}`, answers(ownStates.outputs)],
    ['same states', 'as float at every step', answers(sameStates.outputs)],
  ]
}
