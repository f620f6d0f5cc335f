import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { memorySource } from '../../src/bytes/memory.ts'
import { writeNpz } from '../../src/calibration/write-npz.ts'
import { read } from '../../src/formats/onnx/index.ts'
import { scopesOf } from '../../src/graph/index.ts'
import type { Model, Node, TensorRef } from '../../src/model/graph.ts'
import { quantize } from '../../src/pipeline/quantize-file.node.ts'
import { type AttributeValue, buildModel, encodeModel, f32, i64, node, tensor, value } from '../fixtures/build.ts'
import { gaussian } from '../fixtures/distribution.ts'
import { lineFolder } from '../fixtures/line-folder.ts'

const folder = lineFolder()
const [STEPS, INPUT, HIDDEN, CLASSES, SAMPLES] = [7, 24, 32, 10, 10]
const GATES = { LSTM: 4, GRU: 3, RNN: 1 } as const
type Op = keyof typeof GATES

interface Spelling {
  readonly op: Op
  readonly direction?: 'forward' | 'reverse' | 'bidirectional'
  readonly bias?: boolean
  readonly inNodes?: boolean
  readonly peepholes?: boolean
  readonly states?: boolean
  readonly lengths?: boolean
  readonly attributes?: Readonly<Record<string, AttributeValue>>
  /** Nothing but the recurrent layer. */
  readonly alone?: boolean
}

const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)
const noise = (name: string, shape: readonly number[], seed: number, size: number): TensorRef =>
  f32(
    name,
    shape,
    gaussian(count(shape), seed).map((one) => one * size),
  )
const asNode = (ref: TensorRef): Node => node('Constant', [], [ref.name], { value: { ...ref, name: '' } })

/** x of [steps, batch, input] -> recurrent layer -> Gemm over the last state. */
function modelOf(one: Spelling): Model {
  const { op, direction = 'forward', bias = true, inNodes = false } = one
  const directions = direction === 'bidirectional' ? 2 : 1
  const rows = GATES[op] * HIDDEN
  const weights = [
    noise('w', [directions, rows, INPUT], 1, 0.25),
    noise('r', [directions, rows, HIDDEN], 2, 0.2),
    ...(bias ? [noise('b', [directions, 2 * rows], 3, 0.2)] : []),
  ]
  const extras = [
    ...(one.lengths ? [tensor('lengths', 'i32', [1], new Uint8Array(Int32Array.of(STEPS - 2).buffer))] : []),
    ...(one.states ? [noise('h', [directions, 1, HIDDEN], 4, 0.5), noise('c', [directions, 1, HIDDEN], 5, 0.5)] : []),
    ...(one.peepholes ? [noise('p', [directions, 3 * HIDDEN], 6, 0.3)] : []),
  ]
  const lstm = op === 'LSTM'
  const inputs = ['x', 'w', 'r', bias ? 'b' : '', one.lengths ? 'lengths' : '', one.states ? 'h' : '']
  if (lstm) inputs.push(one.states ? 'c' : '', one.peepholes ? 'p' : '')
  while (inputs.at(-1) === '') inputs.pop()
  const attributes = { hidden_size: HIDDEN, direction, ...one.attributes }
  const layer = node(op, inputs, ['all', 'last', ...(lstm ? ['cell'] : [])], attributes, { name: 'layer' })
  const head = [
    node('Transpose', ['last'], ['turned'], { perm: [1, 0, 2] }, { name: 'turn' }),
    node('Reshape', ['turned', 'flat'], ['rows'], {}, { name: 'flatten' }),
    node('Gemm', ['rows', 'k', 'kb'], ['y'], { transB: 1 }, { name: 'head' }),
  ]
  const gemm = [
    noise('k', [CLASSES, directions * HIDDEN], 7, 0.2),
    noise('kb', [CLASSES], 8, 0.1),
    i64('flat', [2], [1, directions * HIDDEN]),
  ]
  return buildModel({
    opset: 17,
    inputs: [value('x', 'f32', [STEPS, 1, INPUT])],
    outputs: one.alone ? [value('all', 'f32', [STEPS, directions, 1, HIDDEN])] : [value('y', 'f32', [1, CLASSES])],
    initializers: [...(inNodes ? [] : weights), ...extras, ...(one.alone ? [] : gemm)],
    nodes: [...(inNodes ? weights.map(asNode) : []), layer, ...(one.alone ? [] : head)],
  })
}

const data = join(folder.path, 'data.npz')
writeFileSync(
  data,
  writeNpz(
    new Map([
      [
        'x',
        {
          dtype: 'f32',
          shape: [SAMPLES, STEPS, 1, INPUT],
          data: new Uint8Array(gaussian(SAMPLES * STEPS * INPUT, 5).slice().buffer),
        },
      ],
    ]),
  ),
)

async function decibels(model: Model, file: Uint8Array, optimized: boolean): Promise<number> {
  const run = async (bytes: Uint8Array): Promise<readonly Float32Array[]> => {
    const graphOptimizationLevel = optimized ? 'all' : 'disabled'
    const options = { graphOptimizationLevel, intraOpNumThreads: 1, logSeverityLevel: 4 } as const
    const session = await ort.InferenceSession.create(bytes, options)
    const results: Float32Array[] = []
    for (let seed = 70; seed < 76; seed++) {
      const x = new ort.Tensor('float32', gaussian(STEPS * INPUT, seed), [STEPS, 1, INPUT])
      results.push(Object.values(await session.run({ x }))[0]!.data as Float32Array)
    }
    await session.release()
    return results
  }
  const [wanted, found] = [await run(await encodeModel(model)), await run(file)]
  let [energy, error] = [0, 0]
  for (const [at, one] of wanted.entries()) {
    for (const [i, x] of one.entries()) {
      energy += x * x
      error += (x - found[at]![i]!) ** 2
    }
  }
  return 10 * Math.log10(energy / error)
}

/** What becomes of the weights: LSTM on codes, the others stored; and the least that is left of the signal, in dB. */
const SPELLINGS: readonly [string, Spelling][] = [
  ['LSTM without bias', { op: 'LSTM', bias: false }],
  ['LSTM, reverse', { op: 'LSTM', direction: 'reverse' }],
  ['LSTM, both directions', { op: 'LSTM', direction: 'bidirectional' }],
  ['LSTM, weights in Constant nodes', { op: 'LSTM', inNodes: true }],
  ['LSTM with states and lengths', { op: 'LSTM', states: true, lengths: true }],
  ['LSTM with peepholes', { op: 'LSTM', peepholes: true }],
  ['LSTM, coupled gates, clipped', { op: 'LSTM', attributes: { input_forget: 1, clip: { float: 2 } } }],
  ['LSTM alone', { op: 'LSTM', alone: true }],
  ['GRU', { op: 'GRU' }],
  ['GRU, linear before reset', { op: 'GRU', attributes: { linear_before_reset: 1 } }],
  ['GRU, both directions, without bias', { op: 'GRU', direction: 'bidirectional', bias: false }],
  ['GRU, weights in Constant nodes', { op: 'GRU', inNodes: true, states: true }],
  ['RNN, both directions', { op: 'RNN', direction: 'bidirectional' }],
  ['RNN, Relu', { op: 'RNN', inNodes: true, attributes: { activations: { strings: ['Relu'] } } }],
]
const LEAST = 22

async function made(spelling: Spelling) {
  const model = modelOf(spelling)
  const [input, output] = [await folder.write('in.onnx', model), join(folder.path, 'out.onnx')]
  const report = await quantize(input, output, { to: 'int8-static', calib: data, force: true, effort: 'fast' })
  const file = new Uint8Array(readFileSync(output))
  const saved = await read(memorySource(file, 'out.onnx'))
  return { model, report, file, operators: scopesOf(saved).flatMap(({ nodes }) => nodes.map(({ op }) => op)) }
}

describe('recurrent layers', () => {
  test.each(SPELLINGS)('%s', { timeout: 30_000 }, async (_, spelling) => {
    const { model, report, file, operators } = await made(spelling)
    const { op, alone } = spelling
    expect(report.verdict?.status).toBe('proven')
    for (const optimized of [true, false]) expect(await decibels(model, file, optimized)).toBeGreaterThan(LEAST)
    expect(file.length).toBeLessThan((await encodeModel(model)).length * (op === 'RNN' ? 0.6 : 0.45))
    expect(operators.filter((one) => /LSTM|GRU|RNN/.test(one))).toEqual([op === 'LSTM' ? 'DynamicQuantizeLSTM' : op])

    const decisions = new Map(report.decisions.map((one) => [one.tensor, one]))
    for (const name of ['w', 'r']) {
      const wanted = op === 'LSTM' ? 'onnx/dynamic-lstm' : expect.stringMatching(/^onnx\/(expand|dequantize)$/)
      expect(decisions.get(name)).toMatchObject({ action: 'quantize', lowering: wanted })
    }
    if (!alone) expect(decisions.get('k')).toMatchObject({ action: 'quantize', lowering: 'onnx/qdq' })
    if (spelling.bias !== false) expect(decisions.get('b')).toMatchObject({ action: 'keep' })
    if (spelling.peepholes) expect(decisions.get('p')).toMatchObject({ action: 'keep' })
    expect(report.decisions.filter(({ because }) => because.text === '')).toEqual([])
    expect(report.warnings.join('\n')).toMatch(op === 'LSTM' ? /1 x LSTM with ranges of run time/ : /1 recurrent/)
  })

  test('a GRU with nothing else has no integers to offer, and it says what to do', async () => {
    await expect(made({ op: 'GRU', alone: true })).rejects.toMatchObject({
      code: 'E_PLAN',
      message: expect.stringMatching(/GRU/),
      hint: expect.stringMatching(/--to int8/),
    })
  })

  test('batch first, which onnxruntime does not run: its word for it', async () => {
    await expect(made({ op: 'LSTM', attributes: { layout: 1 } })).rejects.toMatchObject({
      code: 'E_RUNTIME',
      message: expect.stringMatching(/layout/),
    })
  })
})
