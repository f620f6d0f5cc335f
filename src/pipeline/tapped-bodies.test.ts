import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { buildModel, f32, graph, i64, node, tensor, value } from '../../test/fixtures/build.ts'
import { lineFolder } from '../../test/fixtures/line-folder.ts'
import { runOnnx } from '../../test/fixtures/run-onnx.ts'
import type { SampleSet } from '../calibration/index.ts'
import { bodyValueKey } from '../graph/bodies/index.ts'
import { createKernelsSync } from '../kernels/index.ts'
import type { Graph, Model } from '../model/graph.ts'
import type { Feeds, Value } from '../model/runtime.ts'
import { type OrtModule, ortRuntime } from '../runtime/ort.ts'
import { collectStatistics } from './calibrate.node.ts'
import { channelAxes } from './channel-axes.ts'
import { sizedModel, tappedModel, tapsOf } from './tapped-model.ts'

const bool = (one: boolean) => new ort.Tensor('bool', [one], [])
const floats = (values: readonly number[], shape: readonly number[]) => new ort.Tensor('float32', values, [...shape])
const inner = (outputs: string, nodes: Graph['nodes']) => graph({ outputs: [value(outputs)], nodes })

/** y = flag ? (deep ? relu(2x) : -2x) : x + 1 */
const branching = (opset: number): Model =>
  buildModel({
    opset,
    inputs: [value('x', 'f32', ['n', 2]), value('flag', 'bool', []), value('deep', 'bool', [])],
    outputs: [value('y', 'f32', ['n', 2])],
    initializers: [f32('one', [1], [1]), f32('two', [1], [2])],
    nodes: [
      node(
        'If',
        ['flag'],
        ['y'],
        {
          then_branch: inner('a', [
            node('Mul', ['x', 'two'], ['twice']),
            node('If', ['deep'], ['a'], {
              then_branch: inner('b', [node('Relu', ['twice'], ['b'])]),
              else_branch: inner('c', [node('Neg', ['twice'], ['c'])]),
            }),
          ]),
          else_branch: inner('d', [node('Add', ['x', 'one'], ['d'])]),
        },
        { name: 'If_0' },
      ),
    ],
  })
const THEN = ['If_0', 'then_branch']
const DEEP = [...THEN, 'If#1', 'then_branch']
const KEYS = [
  bodyValueKey(THEN, 'twice'),
  bodyValueKey(THEN, 'x'),
  bodyValueKey(DEEP, 'b'),
  bodyValueKey(DEEP, 'twice'),
  bodyValueKey(['If_0', 'else_branch'], 'd'),
]

describe('branches of If', () => {
  test.each([11, 13, 16, 21])(
    'give what they compute where they are taken, nothing elsewhere (opset %i)',
    async (opset) => {
      const model = branching(opset)
      expect(tapsOf(model, KEYS).values).toEqual(KEYS)
      const tapped = tappedModel(model, KEYS, ['y'])
      const x = floats([-1, 2, 3, -4], [2, 2])
      const seen = async (flag: boolean, deep: boolean, optimized: boolean) => {
        const results = await runOnnx(tapped, { x, flag: bool(flag), deep: bool(deep) }, optimized)
        return KEYS.map((key) => [...(results[key]!.data as Float32Array)])
      }
      const twice = [-2, 4, 6, -8]
      for (const optimized of [true, false]) {
        expect(await seen(true, true, optimized)).toEqual([twice, [...x.data], [0, 4, 6, 0], twice, []])
        expect(await seen(true, false, optimized)).toEqual([twice, [...x.data], [], [], []])
        expect(await seen(false, true, optimized)).toEqual([[], [], [], [], [0, 3, 4, -3]])
      }
    },
  )

  test('sizes of both', async () => {
    const { model, sizes } = sizedModel(branching(17), KEYS)
    const x = floats([1, 2], [1, 2])
    const results = await runOnnx(model, { x, flag: bool(false), deep: bool(false) }, false)
    expect(KEYS.map((key) => Number(results[sizes.get(key)!]!.data[0]))).toEqual([0, 0, 0, 0, 2])
  })
})

/** s = x, then n times: relu(s w) first, -s later; also the rows of all states, and a value that grows with the iterations. */
const looping = (): Model =>
  buildModel({
    inputs: [value('x', 'f32', [1, 2]), value('n', 'i64', [])],
    outputs: [value('y', 'f32', [1, 2]), value('all')],
    initializers: [f32('w', [2, 2], [2, 0, 0, -1])],
    nodes: [
      node(
        'Loop',
        ['n', '', 'x'],
        ['y', 'all'],
        {
          body: graph({
            inputs: [value('i', 'i64', []), value('going', 'bool', []), value('state', 'f32', [1, 2])],
            outputs: [value('on', 'bool', []), value('next', 'f32', [1, 2]), value('row', 'f32', [1, 2])],
            nodes: [
              node('Identity', ['going'], ['on']),
              node('MatMul', ['state', 'w'], ['m']),
              node('Cast', ['i'], ['odd'], { to: 9 }),
              node('If', ['odd'], ['next'], {
                then_branch: inner('neg', [node('Neg', ['state'], ['neg'])]),
                else_branch: inner('pos', [node('Relu', ['m'], ['pos'])]),
              }),
              node('Identity', ['next'], ['row']),
              node('Reshape', ['i', 'minus'], ['i_once']),
              node('Expand', ['zero', 'i_once'], ['i_row']),
              node('Reshape', ['state', 'minus'], ['state_row']),
              node('Concat', ['i_row', 'state_row'], ['grown'], { axis: 0 }),
            ],
            initializers: [f32('zero', [1], [0.5]), i64('minus', [1], [-1])],
          }),
        },
        { name: 'steps' },
      ),
    ],
  })

describe('Loop', () => {
  test('gives all iterations one after the other, whatever their shapes and branches', async () => {
    const model = looping()
    const path = ['steps', 'body']
    const keys = [
      bodyValueKey(path, 'm'),
      bodyValueKey(path, 'state'),
      bodyValueKey(path, 'grown'),
      bodyValueKey([...path, 'If#3', 'then_branch'], 'neg'),
      bodyValueKey([...path, 'If#3', 'else_branch'], 'pos'),
    ]
    const taps = tapsOf(model, keys)
    expect([...taps.skipped]).toEqual([])
    const tapped = tappedModel(model, keys, ['y', 'all'])
    for (const optimized of [true, false]) {
      const feeds = { x: floats([1, -1], [1, 2]), n: new ort.Tensor('int64', [3n], []) }
      const results = await runOnnx(tapped, feeds, optimized)
      const seen = keys.map((key) => [...(results[key]!.data as Float32Array)])
      expect(seen).toEqual([
        [2, 1, 4, -1, -4, 1],
        [1, -1, 2, 1, -2, -1],
        [1, -1, 0.5, 2, 1, 0.5, 0.5, -2, -1],
        [-2, -1, 2, 1],
        [2, 1],
      ])
      expect([...(results.y!.data as Float32Array)]).toEqual([2, 1])
      expect(results.all!.dims).toEqual([3, 1, 2])
      const none = await runOnnx(tapped, { ...feeds, n: new ort.Tensor('int64', [0n], []) }, optimized)
      expect(keys.map((key) => none[key]!.data.length)).toEqual([0, 0, 0, 0, 0])
    }
  })
})

const scanning = (body: Graph): Model =>
  buildModel({
    inputs: [value('start', 'f32', [2]), value('xs', 'f32', [3, 2])],
    outputs: [value('end', 'f32', [2]), value('ys', 'f32', [3, 2])],
    nodes: [
      node(
        'Scan',
        ['start', 'xs'],
        ['end', 'ys'],
        { body, num_scan_inputs: 1, scan_output_axes: [0] },
        { name: 'scan' },
      ),
    ],
  })

test('Scan stacks iterations', async () => {
  const body = graph({
    inputs: [value('s', 'f32', [2]), value('x', 'f32', [2])],
    outputs: [value('t', 'f32', [2]), value('y', 'f32', [2])],
    nodes: [node('Neg', ['x'], ['n']), node('Add', ['s', 'n'], ['t']), node('Identity', ['t'], ['y'])],
  })
  const key = bodyValueKey(['scan', 'body'], 'n')
  const tapped = tappedModel(scanning(body), [key], ['end'])
  const results = await runOnnx(tapped, { start: floats([0, 0], [2]), xs: floats([1, 2, 3, 4, 5, 6], [3, 2]) }, false)
  expect([results[key]!.dims, [...(results[key]!.data as Float32Array)]]).toEqual([
    [3, 2],
    [-1, -2, -3, -4, -5, -6],
  ])
})

test('why the others cannot be looked at', () => {
  const shared = { domain: 'own', name: 'F', inputs: ['a'], outputs: ['b'], nodes: [node('Neg', ['a'], ['b'])] }
  const branches = {
    then_branch: inner('p', [node('Neg', ['s'], ['p'])]),
    else_branch: inner('q', [node('Abs', ['s'], ['q'])]),
  }
  const scan = scanning(
    graph({
      inputs: [value('s', 'f32', [2]), value('x', 'f32', [2])],
      outputs: [value('t', 'f32', [2]), value('y', 'f32', [2])],
      values: [value('long', 'i64', [1])],
      initializers: [f32('k', [1], [1])],
      nodes: [
        node('Constant', [], ['yes'], {
          value: tensor('', 'bool', [], Uint8Array.of(1)),
        }),
        node('Shape', ['x'], ['long']),
        node('SequenceConstruct', ['x'], ['list']),
        node('If', ['yes'], ['t'], branches),
        node('Identity', ['t'], ['y']),
      ],
    }),
  )
  const model = { ...scan, functions: [{ ...shared, opsets: [{ domain: '', version: 17 }] }] }
  const keys = [
    bodyValueKey(['function', 'own::F'], 'b'),
    bodyValueKey(['scan', 'body', 'If#3', 'then_branch'], 'p'),
    bodyValueKey(['scan', 'body'], 'long'),
    bodyValueKey(['scan', 'body'], 'k'),
    bodyValueKey(['scan', 'body'], 'list'),
    bodyValueKey(['scan', 'body'], 'nothing'),
    bodyValueKey(['nowhere', 'body'], 'x'),
  ]
  expect(tapsOf(model, keys).values).toEqual([])
  expect([...tapsOf(model, keys).skipped.values()]).toEqual([
    'a value of a model-local function; inline it first',
    'a value of a branch or a Loop inside Scan',
    'elements of type i64',
    'a constant',
    'no tensor',
    'no value of the main graph or of a body',
    'no value of the main graph or of a body',
  ])
})

test('channel axes of values in bodies, as they come out', () => {
  const body = graph({
    inputs: [value('i', 'i64', []), value('going', 'bool', []), value('s', 'f32', [1, 2])],
    outputs: [value('going', 'bool', []), value('t', 'f32', [1, 2])],
    nodes: [node('MatMul', ['s', 'w'], ['t'])],
  })
  const model = buildModel({
    inputs: [
      value('x', 'f32', [1, 2, 4]),
      value('flag', 'bool', []),
      value('n', 'i64', []),
      value('xs', 'f32', [3, 1, 2, 4]),
    ],
    outputs: [value('y')],
    initializers: [f32('w', [2, 2], [1, 2, 3, 4]), f32('k', [2, 2, 1], [1, 2, 3, 4])],
    nodes: [
      node('If', ['flag'], ['y'], {
        then_branch: inner('c', [node('Conv', ['x', 'k'], ['c'])]),
        else_branch: inner('d', [node('Relu', ['x'], ['d'])]),
      }),
      node('Loop', ['n', '', 'x'], ['z'], { body }),
      node('Scan', ['xs'], ['ys'], {
        num_scan_inputs: 1,
        body: graph({
          inputs: [value('one', 'f32', [1, 2, 4])],
          outputs: [value('made')],
          nodes: [node('Conv', ['one', 'k'], ['made'])],
        }),
      }),
    ],
  })
  expect([...channelAxes(model)]).toEqual([
    ['["If#0","then_branch"]/c', 1],
    ['["If#0","then_branch"]/x', 1],
    ['["Scan#2","body"]/made', 2],
    ['["Scan#2","body"]/one', 2],
  ])
})

describe('statistics', () => {
  const home = lineFolder()
  const runtime = ortRuntime(ort as unknown as OrtModule, 'onnxruntime-node')
  const tools = { kernels: createKernelsSync(), notify: () => undefined }
  const given = (values: readonly number[], flag: boolean): Feeds => {
    const x: Value = { dtype: 'f32', shape: [1, 2], data: new Uint8Array(Float32Array.from(values).buffer) }
    const yes = (one: boolean): Value => ({ dtype: 'bool', shape: [], data: Uint8Array.of(one ? 1 : 0) })
    return { x, flag: yes(flag), deep: yes(false) }
  }
  const setOf = (list: readonly Feeds[]): SampleSet => {
    const at = async (index: number) => ({ label: `sample ${index}`, feeds: list[index]! })
    return { count: list.length, found: list.length, at, skipped: [], filled: [], converted: [] }
  }
  const collect = (samples: SampleSet, more = {}) =>
    collectStatistics({ model: branching(17), values: KEYS, samples, runtime, tools, folder: home.path, ...more })

  test('of samples that reach a branch; why there are none elsewhere', async () => {
    const list = [given([1, 2], true), given([5, 6], false), given([-3, 4], true)]
    for (const maxMemory of [256, 1e6]) {
      const { statistics } = await collect(setOf(list), { maxMemory })
      const twice = statistics.values.get(KEYS[0]!)!
      expect([twice.min, twice.max, twice.count]).toEqual([-6, 8, 4])
      expect([...twice.samples]).toEqual([2, 4, Infinity, -Infinity, -6, 8])
      const own = statistics.values.get(KEYS[4]!)!
      expect([own.min, own.max, own.count]).toEqual([6, 7, 2])
      expect([...statistics.skipped.values()]).toEqual(['the data never reach it', 'the data never reach it'])
    }
  })

  test('going on with samples that reach more', async () => {
    const list = [given([1, 2], true), given([5, 6], false)]
    const first = await collect(setOf(list.slice(0, 1)))
    expect(first.statistics.skipped.has(KEYS[4]!)).toBe(true)
    const whole = await collect(setOf(list))
    const resumed = await collect(setOf(list), { resume: first.statistics })
    expect(resumed.notes).toEqual([])
    expect(resumed.statistics).toEqual(whole.statistics)
    expect(whole.statistics.values.get(KEYS[4]!)!.count).toBe(2)
    const same = await collect(setOf(list), { resume: whole.statistics })
    expect([same.passes, same.statistics]).toEqual([0, whole.statistics])
  })
})
