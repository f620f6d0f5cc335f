import { describe, expect, test } from 'vitest'
import { floats, op } from '../../test/fixtures/graph-sketch.ts'
import { weightFacts, weightUse } from '../../test/fixtures/quantized-weight.ts'
import type { TersorError } from '../errors.ts'
import type { Node } from '../model/graph.ts'
import type { WeightFacts, WeightRole } from '../model/inventory.ts'
import { labelOf, labelsOf } from './labels.ts'
import { matchRule, parseRule, type RuleContext } from './rules.ts'

const thrown = (run: () => unknown): TersorError => {
  try {
    run()
  } catch (error) {
    return error as TersorError
  }
  throw new Error('nothing was thrown')
}

describe('parseRule', () => {
  test.each([
    ['w=keep', 'w', 'keep'],
    ['/layer/0::w=b=int8', '/layer/0::w=b', 'int8'],
    ['op:Conv=int8-channel-sym', 'op:Conv', 'int8-channel-sym'],
    ['re:a=b$=keep', 're:a=b$', 'keep'],
  ])('%s splits at the last =', (text, pattern, what) => {
    expect(parseRule(text)).toEqual({ text, pattern, what })
  })

  test.each(['w', '=keep', 'w=', ''])('"%s" is no rule', (text) => {
    const error = thrown(() => parseRule(text))
    expect(error).toMatchObject({ code: 'E_USAGE' })
    expect(error.hint).toContain('--rule')
  })
})

// The weights lie in another order than the nodes that use them, as exporters write them.
const nodes: readonly Node[] = [
  op('Gather', 'emb ids', 'e', { name: '/embed/Gather' }),
  op('MatMul', 'e q', 'h', { name: '/layer.0/q' }),
  op('Relu', 'h', 'r', { name: '/layer.0/relu' }),
  op('LSTM', 'r lw lr lb', 'l', { name: 'cell' }),
  op('Conv', 'l k', 'c'),
  op('MatMul', 'c head', 'y', { name: 'head' }),
]
const weight = (name: string, at: number, role: WeightRole): WeightFacts =>
  weightFacts(floats(name, [4, 4]), [weightUse(nodes[at]!, 1, role, null, null)])
const weights: readonly WeightFacts[] = [
  weight('head.w', 5, 'matmul'),
  weight('lw', 3, 'lstm-w'),
  weight('lr', 3, 'lstm-r'),
  weight('lb', 3, 'bias'),
  weight('q', 1, 'matmul'),
  weight('k', 4, 'conv'),
  weight('emb', 0, 'gather'),
  weightFacts(floats('dead', [4, 4]), []),
]
const context: RuleContext = { weights, nodeLabels: nodes.map(labelOf), labelOf: labelsOf }

const match = (pattern: string) => {
  const { exact, matches } = matchRule(parseRule(`${pattern}=keep`), context)
  return { exact, names: [...matches].sort((a, b) => a - b).map((i) => weights[i]!.name) }
}

describe('matchRule', () => {
  test.each([
    ['q', ['q']],
    ['/layer.0/q', ['q']],
    ['cell', ['lw', 'lr', 'lb']],
    // An unnamed node is its operator and first output.
    ['Conv:c', ['k']],
  ])('exact name %s', (pattern, names) => {
    expect(match(pattern)).toEqual({ exact: true, names })
  })

  test.each([
    ['glob:l?', ['lw', 'lr', 'lb']],
    ['glob:/layer.*', ['q']],
    ['glob:/layer', null],
    ['glob:*', ['head.w', 'lw', 'lr', 'lb', 'q', 'k', 'emb', 'dead']],
    // A dot in a glob is a dot.
    ['glob:head.w', ['head.w']],
    ['glob:head?w', ['head.w']],
    ['glob:headxw', null],
    ['re:^l[wr]$', ['lw', 'lr']],
    ['re:layer', ['q']],
    ['op:MatMul', ['head.w', 'q']],
    ['op:matmul', null],
    ['first:1', ['emb']],
    ['first:3', ['lw', 'lr', 'q', 'emb']],
    ['last:1', ['head.w']],
    ['last:3', ['head.w', 'lw', 'lr', 'k']],
    ['last:99', ['head.w', 'lw', 'lr', 'q', 'k', 'emb']],
    // A node without weights is a place too; dead weights have none.
    ['from:/layer.0/relu', ['head.w', 'lw', 'lr', 'lb', 'k']],
    ['to:/layer.0/relu', ['q', 'emb']],
    ['to:cell', ['lw', 'lr', 'lb', 'q', 'emb']],
    ['from:Conv:c', ['head.w', 'k']],
  ])('pattern %s', (pattern, names) => {
    if (names === null) expect(thrown(() => match(pattern))).toMatchObject({ code: 'E_USAGE' })
    else expect(match(pattern)).toEqual({ exact: false, names })
  })

  test.each(['first:0', 'last:-1', 'first:x', 'first:1.5'])('%s is no count', (pattern) => {
    expect(thrown(() => match(pattern)).message).toContain('count')
  })

  test('an expression that does not compile', () => {
    expect(thrown(() => match('re:(')).message).toContain('regular expression')
  })

  test.each([
    ['hed.w', 'head.w'],
    ['/layer.0/Q', '/layer.0/q'],
    ['from:/layer.0/rel', '/layer.0/relu'],
    ['glob:*embe*x', 'emb'],
    ['op:Con', 'Conv,'],
    ['op:matmul', 'MatMul'],
  ])('%s matches nothing and %s is near', (pattern, near) => {
    const error = thrown(() => match(pattern))
    expect(error.code).toBe('E_USAGE')
    expect(error.message).toContain(pattern)
    expect(error.hint).toContain(near)
  })

  test('a long list of hostile names is searched in no time and names nothing inherited', () => {
    const many = Array.from({ length: 2000 }, (_, i) => weightFacts(floats(`__proto__${'x'.repeat(300)}${i}`, [1]), []))
    const large = { weights: many, nodeLabels: [], labelOf: labelsOf }
    expect(thrown(() => matchRule(parseRule('constructor=keep'), large)).code).toBe('E_USAGE')
  })
})
