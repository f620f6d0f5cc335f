import { describe, expect, it } from 'vitest'
import { applied, contextOf, expectSameOutputs, type Feed } from '../../../test/fixtures/lowered.ts'
import { plainModel } from '../../../test/fixtures/plain-model.ts'
import {
  floatTensor,
  packedRefs,
  quantizedWeight,
  randomFloats,
  weightFacts,
  weightUse,
} from '../../../test/fixtures/quantized-weight.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import { ort } from '../../targets/ort.ts'
import { dynamicLstm, lowerLstmPair } from './dynamic-lstm.ts'
import { type AttributeValue, makeNode } from './make.ts'

const INPUT = 6
const HIDDEN = 4
const LENGTH = 5
const BATCH = 2

interface Case {
  readonly name: string
  readonly directions: number
  readonly attributes: Readonly<Record<string, AttributeValue>>
  /** Which of B, sequence_lens, initial_h, initial_c, P are given. */
  readonly given: readonly ('b' | 'lengths' | 'h0' | 'c0' | 'p')[]
}

const CASES: readonly Case[] = [
  { name: 'plain', directions: 1, attributes: {}, given: [] },
  {
    name: 'reverse with bias and lengths',
    directions: 1,
    attributes: { direction: 'reverse' },
    given: ['b', 'lengths'],
  },
  {
    name: 'both directions with states',
    directions: 2,
    attributes: { direction: 'bidirectional' },
    given: ['b', 'h0', 'c0'],
  },
  { name: 'peepholes', directions: 1, attributes: {}, given: ['b', 'lengths', 'h0', 'c0', 'p'] },
  {
    name: 'activations, clip',
    directions: 1,
    attributes: { activations: ['HardSigmoid', 'Tanh', 'Relu'], clip: { float: 2 } },
    given: ['b'],
  },
  { name: 'input_forget', directions: 1, attributes: { input_forget: 1 }, given: ['b'] },
]

describe('onnx/dynamic-lstm', () => {
  for (const { name, directions, attributes, given } of CASES) {
    it(name, async () => {
      const spec: IntegerSpec = {
        family: 'integer',
        bits: 8,
        granularity: { kind: 'channel' },
        symmetric: true,
        scale: 'f32',
      }
      const viewOf = (depth: number) => ({ stack: directions, channels: 4 * HIDDEN, depth, along: 'row' }) as const
      const weights = { w: quantizedWeight(spec, viewOf(INPUT), 1), r: quantizedWeight(spec, viewOf(HIDDEN), 2) }
      const shapes = { w: [directions, 4 * HIDDEN, INPUT], r: [directions, 4 * HIDDEN, HIDDEN] }
      const optional = (key: Case['given'][number]): string => (given.includes(key) ? key : '')
      const inputs = ['x', 'w', 'r', optional('b'), optional('lengths'), optional('h0'), optional('c0'), optional('p')]
      const node = makeNode('LSTM', inputs, ['y', 'h', 'c'], { hidden_size: HIDDEN, ...attributes })
      const [w, r] = [floatTensor('w', shapes.w, weights.w.values), floatTensor('r', shapes.r, weights.r.values)]
      const state = [directions, BATCH, HIDDEN]
      const extras: Record<string, Feed> = {
        b: [[directions, 8 * HIDDEN], randomFloats(directions * 8 * HIDDEN, 4)],
        lengths: [[BATCH], [3, LENGTH], 'i32'],
        h0: [state, randomFloats(directions * BATCH * HIDDEN, 5)],
        c0: [state, randomFloats(directions * BATCH * HIDDEN, 6)],
        p: [[directions, 3 * HIDDEN], randomFloats(directions * 3 * HIDDEN, 7)],
      }
      const feeds: Record<string, Feed> = { x: [[LENGTH, BATCH, INPUT], randomFloats(LENGTH * BATCH * INPUT, 8)] }
      const constants = []
      for (const key of given) {
        if (key === 'b' || key === 'p')
          constants.push(floatTensor(key, extras[key]![0], extras[key]![1] as Float32Array))
        else feeds[key] = extras[key]!
      }
      const model = plainModel({
        nodes: [node],
        initializers: [w, r, ...constants],
        inputs: Object.entries(feeds).map(([key, [shape, , dtype]]) => ({
          name: key,
          dtype: dtype === 'i32' ? 'i32' : 'f32',
          shape,
        })),
        outputs: [
          { name: 'y', dtype: 'f32', shape: [LENGTH, directions, BATCH, HIDDEN] },
          { name: 'h', dtype: 'f32', shape: state },
          { name: 'c', dtype: 'f32', shape: state },
        ],
        opset: 14,
      })
      const wFacts = weightFacts(w, [weightUse(node, 1, 'lstm-w', viewOf(INPUT), 1)])
      const rFacts = weightFacts(r, [weightUse(node, 2, 'lstm-r', viewOf(HIDDEN), 1)])
      expect(dynamicLstm.accepts(wFacts, wFacts.uses[0], spec, ort)).toBeNull()
      expect(dynamicLstm.accepts(rFacts, rFacts.uses[0], spec, ort)).toBeNull()
      const packed = [
        packedRefs(weights.w, 'onnx/lstm', shapes.w, 'w'),
        packedRefs(weights.r, 'onnx/lstm', shapes.r, 'r'),
      ] as const
      const edits = lowerLstmPair(
        { weight: wFacts, packed: packed[0] },
        { weight: rFacts, packed: packed[1] },
        wFacts.uses,
        spec,
        contextOf(model, ort),
      )
      const lowered = applied(model, [], packed, edits)
      await expectSameOutputs(model, lowered, feeds, 0.02)
    })
  }

  it('refuses the batch-first layout, half precision and zeros that differ', () => {
    const spec: IntegerSpec = {
      family: 'integer',
      bits: 8,
      granularity: { kind: 'channel' },
      symmetric: true,
      scale: 'f32',
    }
    const view = { stack: 1, channels: 16, depth: 6, along: 'row' } as const
    const w = floatTensor('w', [1, 16, 6], new Float32Array(96))
    const node = makeNode('LSTM', ['x', 'w', 'r'], ['y'], { hidden_size: 4, layout: 1 })
    const use = weightUse(node, 1, 'lstm-w', view, 1)
    expect(dynamicLstm.accepts(weightFacts(w, [use]), use, spec, ort)?.code).toBe('layout')
    expect(dynamicLstm.accepts(weightFacts(w, [use]), use, { ...spec, symmetric: false }, ort)?.code).toBe('scheme')
    expect(dynamicLstm.accepts(weightFacts({ ...w, dtype: 'f16' }, [use]), use, spec, ort)?.code).toBe('dtype')
    expect(() =>
      dynamicLstm.lower(
        weightFacts(w, [use]),
        [use],
        spec,
        { codes: w },
        contextOf(plainModel({ nodes: [], inputs: [], outputs: [] }), ort),
      ),
    ).toThrow(/lowerLstmPair/)
  })
})
