import { TersorError } from '../../errors.ts'
import type { Operation } from '../types.ts'
import { BINARIES } from './binary.ts'
import { CONVOLUTIONS } from './convolutions.ts'
import { FUNCTIONS } from './functions.ts'
import { MATRICES } from './matrices.ts'
import { MOVES } from './moves.ts'
import { NORMS } from './norms.ts'
import type { Operator } from './operator.ts'
import { PADS } from './pads.ts'
import { POOLS } from './pools.ts'
import { REDUCTIONS } from './reductions.ts'
import { SHAPES } from './shapes.ts'

const OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ...CONVOLUTIONS,
  ...BINARIES,
  ...FUNCTIONS,
  ...MATRICES,
  ...MOVES,
  ...NORMS,
  ...PADS,
  ...POOLS,
  ...REDUCTIONS,
  ...SHAPES,
])

const DOMAINS = new Set(['', 'ai.onnx', 'com.microsoft'])

/** Whether a tape can run an operator (and go back through it). */
export function isKnown(operation: Pick<Operation, 'op' | 'domain'>): boolean {
  return DOMAINS.has(operation.domain) && OPERATORS.has(operation.op)
}

export function operatorOf({ op, domain }: Operation): Operator {
  const operator = DOMAINS.has(domain) ? OPERATORS.get(op) : undefined
  if (operator === undefined) {
    throw new TersorError(
      'E_UNSUPPORTED',
      `gradients: an operator with a known derivative was expected, found ${domain}${domain === '' ? '' : '.'}${op}`,
    )
  }
  return operator
}
