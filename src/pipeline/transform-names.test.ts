import { expect, test } from 'vitest'
import { TersorError } from '../errors.ts'
import { asksForAwq } from './awq/awq-ask.ts'
import { lowRankAsk } from './low-rank/low-rank-ask.ts'
import { rotationAsk } from './rotation/rotation-ask.ts'
import { transformAsk, transformsNamed } from './static/transform-candidates.ts'
import { readTransforms, transformKind, transformNames } from './transform-names.ts'

const REAL = ['int8-static', 'int8', 'int4-weights', 'int3-block32', 'nf4-block64', 'fp16', 'q4', 'auto']

/** What the parsers of all families make of a name. */
function parsed(name: string, to: string): unknown {
  const { rotates, transform } = rotationAsk(name, to)
  if (to === 'int8-static') return transformAsk(name)
  const { lowRank, transform: rest } = lowRankAsk(transform, to)
  return [rotates, lowRank, asksForAwq(rest, to, true)]
}

function refusal(work: () => unknown): TersorError {
  try {
    work()
  } catch (thrown) {
    if (thrown instanceof TersorError) return thrown
    throw thrown
  }
  throw new Error('nothing was refused')
}

test.each(REAL)('--to %s: every name that is listed is read, and no other', (to) => {
  const listed = transformNames(transformKind(to))
  const real = (name: string): string => name.replace('RANK', '8').replace('SHARE', '5')
  for (const name of listed) expect(() => parsed(real(name), to)).not.toThrow()
  const others = REAL.flatMap((one) => transformNames(transformKind(one))).filter((name) => !listed.includes(name))
  for (const name of others) expect(() => parsed(real(name), to)).toThrow(TersorError)
})

test('an unknown name lists all that --to takes', () => {
  const { code, message } = refusal(() => readTransforms('bogus', 'int4-weights'))
  expect(code).toBe('E_USAGE')
  expect(message).toContain('auto, none, awq, low-rank, low-rank=RANK, low-rank=SHARE%, rotate')
  expect(refusal(() => readTransforms('bogus', 'int8')).message).toContain('auto, none, smooth, rotate')
  expect(refusal(() => readTransforms('low-ranc', 'int4-weights')).hint).toMatch(/did you mean "low-rank"/)
})

test('a name of other results says whose it is, and what goes here', () => {
  const { message, hint } = refusal(() => readTransforms('smooth', 'int4-weights'))
  expect(message).toMatch(/belongs to --to int8/)
  expect(hint).toContain('low-rank')
})

test('names of int8-static have changes', () => {
  for (const name of transformNames('int8-static')) {
    if (name !== 'auto') expect(transformsNamed(name)).toBeDefined()
  }
})
