import { readdirSync } from 'node:fs'
import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { buildModel, f32, graph, i64, node, value } from '../../test/fixtures/build.ts'
import { gaussian } from '../../test/fixtures/distribution.ts'
import { lineFolder } from '../../test/fixtures/line-folder.ts'
import type { SampleSet } from '../calibration/index.ts'
import { ValueCollector } from '../calibration/value-collector.ts'
import { createKernelsSync } from '../kernels/index.ts'
import type { Model } from '../model/graph.ts'
import type { Feeds, Value } from '../model/runtime.ts'
import type { Statistics } from '../model/statistics.ts'
import type { StageEvent } from '../model/tools.ts'
import { type OrtModule, ortRuntime } from '../runtime/ort.ts'
import { type CalibrateOptions, collectStatistics } from './calibrate.node.ts'

const kernels = createKernelsSync()

const home = lineFolder()
const runtime = ortRuntime(ort as unknown as OrtModule, 'onnxruntime-node')
const tools = { kernels: createKernelsSync(), notify: () => undefined }

const floats = (shape: readonly number[], values: ArrayLike<number>): Value => {
  const data = Float32Array.from(values)
  return { dtype: 'f32', shape, data: new Uint8Array(data.buffer) }
}

function setOf(list: readonly Feeds[], filled: readonly string[] = []): SampleSet {
  const at = async (index: number) => ({ label: `sample ${index}`, feeds: list[index]! })
  return { count: list.length, found: list.length, at, skipped: [], filled, converted: [] }
}

const collect = (model: Model, values: readonly string[], samples: SampleSet, more: Partial<CalibrateOptions> = {}) =>
  collectStatistics({ model, values, samples, runtime, tools, folder: home.path, ...more })

/** x [N, 2, 3] -> scaled = 2 x -> relu -> y = relu + 1; also its shape, and what a branch gives. */
const MODEL = buildModel({
  inputs: [value('x', 'f32', ['n', 2, 3])],
  outputs: [value('y', 'f32', ['n', 2, 3])],
  initializers: [f32('two', [1], [2]), f32('one', [1], [1]), i64('axis', [1], [1])],
  nodes: [
    node('Mul', ['x', 'two'], ['scaled']),
    node('Relu', ['scaled'], ['relu']),
    node('Shape', ['relu'], ['shape']),
    node('ReduceMax', ['relu'], ['most'], { keepdims: 0 }),
    node('Greater', ['most', 'two'], ['large']),
    node('If', ['large'], ['branch'], {
      then_branch: graph({ outputs: [value('down', 'f32', ['n', 2, 3])], nodes: [node('Neg', ['relu'], ['down'])] }),
      else_branch: graph({ outputs: [value('up', 'f32', ['n', 2, 3])], nodes: [node('Abs', ['scaled'], ['up'])] }),
    }),
    node('Add', ['branch', 'one'], ['y']),
  ],
})
const ALL = ['x', 'scaled', 'relu', 'branch', 'y', 'most']
const AXES = new Map(ALL.map((name) => [name, 1]))
/** Samples of different batches. */
const INPUTS = [1, 3, 2, 1, 4].map((n, seed) => gaussian(n * 6, seed + 1))
const SAMPLES = setOf(INPUTS.map((x) => ({ x: floats([x.length / 6, 2, 3], x) })))

/** What the collectors remember of the same values, computed here. */
function expectedOf(compute: (x: Float32Array) => Float32Array) {
  const collector = new ValueCollector(kernels, 1)
  for (const x of INPUTS) collector.add(compute(x), [x.length / 6, 2, 3])
  return collector.statistics()
}

describe('what is remembered', () => {
  test('is what the values are, inputs and branches of If among them', async () => {
    const { statistics, passes, notes } = await collect(MODEL, ALL, SAMPLES, { axes: AXES })
    expect([passes, notes]).toEqual([1, []])
    expect([...statistics.values.keys()]).toEqual(ALL)
    expect(statistics.labels).toEqual(['sample 0', 'sample 1', 'sample 2', 'sample 3', 'sample 4'])
    expect(statistics.values.get('x')).toEqual(expectedOf((x) => x))
    expect(statistics.values.get('scaled')).toEqual(expectedOf((x) => x.map((one) => 2 * one)))
    expect(statistics.values.get('relu')).toEqual(expectedOf((x) => x.map((one) => Math.max(2 * one, 0))))
    // A scalar has no second dimension.
    expect(statistics.values.get('most')!.channels).toBeUndefined()
    expect(statistics.values.get('most')!.count).toBe(INPUTS.length)
    expect(readdirSync(home.path)).toEqual([])
  })

  test('does not depend on the memory: groups in passes, and cut where later samples are larger', async () => {
    const whole = await collect(MODEL, ALL, SAMPLES)
    const seen = new Set<number>()
    for (const maxMemory of [1, 200, 400, 1000]) {
      const found = await collect(MODEL, ALL, SAMPLES, { maxMemory })
      expect(found.statistics).toEqual(whole.statistics)
      seen.add(found.passes)
      if (maxMemory === 1) expect(found.notes.join()).toContain('fetched alone')
    }
    expect([...seen].some((passes) => passes > 1)).toBe(true)
  })

  test('leaves out what is no float or not finite, with the reason', async () => {
    const model = buildModel({
      inputs: [value('x', 'f32', [2])],
      outputs: [value('y', 'f32', [2])],
      nodes: [node('Log', ['x'], ['log']), node('Shape', ['x'], ['shape']), node('Exp', ['log'], ['y'])],
    })
    const set = setOf(
      [
        [1, 2],
        [0, 1],
        [3, 1],
      ].map((x) => ({ x: floats([2], x) })),
    )
    const { statistics } = await collect(model, ['log', 'shape', 'y', 'missing'], set)
    expect([...statistics.values.keys()]).toEqual(['y'])
    expect(statistics.skipped.get('log')).toBe('sample 1: activation 0 is -Infinity; expected finite numbers')
    expect(statistics.skipped.get('shape')).toBe('sample 0: elements of type i64')
    expect(statistics.skipped.has('missing')).toBe(true)
  })

  test('of many samples some are looked at in full, of the others ranges are known', async () => {
    const list = Array.from({ length: 103 }, (_, seed) => gaussian(6, seed + 1))
    const many = setOf(list.map((x) => ({ x: floats([1, 2, 3], x) })))
    const names = ['x', 'scaled', 'relu']
    const whole = (await collect(MODEL, names, many, { axes: AXES })).statistics
    for (const maxMemory of [1, 1e6]) {
      const { statistics } = await collect(MODEL, names, many, { axes: AXES, maxMemory, counted: 1 << 20 })
      for (const name of names) {
        const [found, wanted] = [statistics.values.get(name)!, whole.values.get(name)!]
        expect(found.samples).toEqual(wanted.samples)
        expect([found.min, found.max, found.exponent]).toEqual([wanted.min, wanted.max, wanted.exponent])
        // Inputs are there anyway.
        const collector = new ValueCollector(kernels, 1)
        for (const [index, x] of list.entries())
          if (name === 'x' || index % 4 === 0)
            collector.add(
              x.map((one) => (name === 'x' ? one : name === 'scaled' ? 2 * one : Math.max(2 * one, 0))),
              [1, 2, 3],
            )
        const full = collector.statistics()
        expect([found.count, found.zeros, found.channels]).toEqual([full.count, full.zeros, full.channels])
        expect(found.counts.reduce((a, b) => a + b, 0)).toBe(found.count)
      }
    }
    const few = setOf(list.slice(0, 49).map((x) => ({ x: floats([1, 2, 3], x) })))
    expect((await collect(MODEL, names, few, { counted: 1 << 20 })).statistics).toEqual(
      (await collect(MODEL, names, few)).statistics,
    )
  })

  test('ranges of pictures that cannot be negative are found channel by channel, batches of several among them', async () => {
    const model = buildModel({
      inputs: [value('x', 'f32', ['n', 2, 'h', 4])],
      outputs: [value('y', 'f32', ['n', 7, 'h', 4])],
      initializers: [
        f32('w', [3, 2, 1, 1], [1, -2, 3, 0.5, -1, -1]),
        f32('v', [4, 3, 1, 1], gaussian(12, 7)),
        f32('low', [], [0]),
        f32('high', [], [1.5]),
      ],
      nodes: [
        node('Conv', ['x', 'w'], ['first']),
        node('Relu', ['first'], ['relu']),
        node('Conv', ['relu', 'v'], ['second']),
        node('Clip', ['second', 'low', 'high'], ['clip']),
        node('Concat', ['clip', 'relu'], ['both'], { axis: 1 }),
        node('Neg', ['both'], ['y']),
      ],
    })
    const list = Array.from({ length: 100 }, (_, at) => {
      const [n, h] = [1 + (at % 2), 3 + (at % 3)]
      return { x: floats([n, 2, h, 4], gaussian(n * 2 * h * 4, at + 1)) }
    })
    const names = ['first', 'relu', 'second', 'clip', 'both', 'y']
    const whole = (await collect(model, names, setOf(list))).statistics
    const [found, small] = await Promise.all(
      [1e6, 1].map((maxMemory) => collect(model, names, setOf(list), { counted: 1 << 20, maxMemory })),
    )
    expect(small!.statistics).toEqual(found!.statistics)
    for (const name of names) {
      const [given, wanted] = [found!.statistics.values.get(name)!, whole.values.get(name)!]
      expect([given.samples.length, given.exponent]).toEqual([200, wanted.exponent])
      for (const [at, end] of given.samples.entries()) {
        // What the executor fuses may differ in the last bit.
        const isLow = at % 2 === 0 && (at / 2) % 4 > 0 && ['relu', 'clip', 'both'].includes(name)
        expect(end).toBeCloseTo(isLow ? 0 : wanted.samples[at]!, 5)
      }
    }
  })

  test('types without a minimum are looked at in full, and left out as ever', async () => {
    const model = buildModel({
      inputs: [value('x', 'f32', [2])],
      outputs: [value('y', 'f32', [2])],
      initializers: [f32('zero', [1], [0])],
      nodes: [node('Greater', ['x', 'zero'], ['above']), node('Neg', ['x'], ['y'])],
    })
    const set = setOf(Array.from({ length: 60 }, (_, seed) => ({ x: floats([2], gaussian(2, seed + 1)) })))
    const [wanted, found] = [{}, { counted: 1 << 20 }].map((more) => collect(model, ['x', 'above', 'y'], set, more))
    expect((await found!).statistics).toEqual((await wanted!).statistics)
    expect((await found!).statistics.skipped.get('above')).toBe('sample 0: elements of type bool')
  })

  test('what is infinite for samples of which only the range is asked', async () => {
    for (const bad of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const samples = setOf(
        Array.from({ length: 100 }, (_, index) => ({
          x: floats(
            [1, 2, 3],
            gaussian(6, index + 1).map((one, at) => (index === 41 && at === 2 ? bad : one)),
          ),
        })),
      )
      const { statistics } = await collect(MODEL, ['scaled'], samples, { counted: 1 << 20 })
      expect(statistics.skipped.get('scaled')).toContain('sample 41: activation')
    }
  })

  test('what is no number for a sample of which only ranges are asked: the last value shows it', async () => {
    const model = buildModel({
      inputs: [value('x', 'f32', [6])],
      outputs: [value('y', 'f32', [6])],
      initializers: [f32('one', [1], [1]), f32('two', [1], [2])],
      nodes: [
        node('Sqrt', ['x'], ['root']),
        node('Add', ['root', 'one'], ['more']),
        node('Mul', ['more', 'two'], ['y']),
        node('Abs', ['x'], ['size']),
      ],
    })
    const list = Array.from({ length: 100 }, (_, at) => gaussian(6, at).map((one) => Math.abs(one)))
    const sets = [undefined, 41].map((bad) =>
      setOf(list.map((x, at) => ({ x: floats([6], at === bad ? x.map((one, i) => (i === 4 ? -one : one)) : x) }))),
    )
    const names = ['x', 'root', 'more', 'y', 'size']
    // In one pass, and one for each value.
    for (const maxMemory of [1e6, 1]) {
      const [good, found] = await Promise.all(
        sets.map(async (set) => (await collect(model, names, set, { counted: 1 << 20, maxMemory })).statistics),
      )
      expect([...good!.values.keys()]).toEqual(names)
      expect([...found!.values.keys()]).toEqual(['x', 'root', 'more', 'size'])
      expect(found!.skipped.get('y')).toContain('sample 41: activation')
      expect(found!.values.get('size')).toEqual(good!.values.get('size'))
    }
  })

  test('progress, sample by sample', async () => {
    const events: StageEvent[] = []
    await collect(MODEL, ['relu'], SAMPLES, { tools: { ...tools, notify: (event) => events.push(event) } })
    const own = events.filter(({ phase }) => phase === 'calibrate')
    expect(own.map(({ done }) => done)).toEqual([0, 1, 2, 3, 4, 5])
    expect(own.every(({ total }) => total === 5)).toBe(true)
  })

  test('no samples', async () => {
    await expect(collect(MODEL, ALL, setOf([]))).rejects.toMatchObject({ code: 'E_USAGE' })
  })
})

describe('states', () => {
  // state_out = state + x
  const model = buildModel({
    inputs: [value('x', 'f32', [1]), value('state', 'f32', [1])],
    outputs: [value('y', 'f32', [1]), value('stateN', 'f32', [1])],
    nodes: [node('Add', ['x', 'state'], ['stateN']), node('Neg', ['stateN'], ['y'])],
  })
  const samples = [1, 2, 4, 8].map((x) => ({ x: floats([1], [x]), state: floats([1], [0]) }))
  const reached = (statistics: Statistics) => [...statistics.values.get('y')!.samples].filter((_, at) => at % 2 === 0)

  test('are carried where the data do not give them, in every pass', async () => {
    const set = setOf(samples, ['state: zeros'])
    for (const maxMemory of [1, 1e6]) {
      const { statistics } = await collect(model, ['y', 'state', 'stateN'], set, { maxMemory })
      expect(statistics.carried).toEqual(['state <- stateN'])
      expect(reached(statistics)).toEqual([-1, -3, -7, -15])
      expect(statistics.values.get('state')!.max).toBe(7)
    }
  })

  test('are not where the data give them or the caller wants none', async () => {
    for (const [set, more] of [
      [setOf(samples), {}],
      [setOf(samples, ['state: zeros']), { states: [] }],
    ] as const) {
      const { statistics } = await collect(model, ['y'], set, more)
      expect(statistics.carried).toEqual([])
      expect(reached(statistics)).toEqual([-1, -2, -4, -8])
    }
  })

  test('of another shape start again', async () => {
    const wide = { x: floats([1], [1]), state: floats([2], [0, 0]) }
    const open = { ...model, graph: { ...model.graph, inputs: [value('x', 'f32', [1]), value('state', 'f32', ['n'])] } }
    const loose = {
      ...open,
      graph: { ...open.graph, outputs: [value('y', 'f32', ['n']), value('stateN', 'f32', ['n'])] },
    }
    const { statistics } = await collect(loose, ['y'], setOf([samples[3]!, wide], ['state: zeros']))
    expect(reached(statistics)).toEqual([-8, -1])
  })
})

describe('ends early and goes on', () => {
  const stopAt = (index: number): { tools: CalibrateOptions['tools'] } => {
    const stop = new AbortController()
    const notify = ({ done }: StageEvent): void => void (done === index && stop.abort())
    return { tools: { ...tools, notify, signal: stop.signal } }
  }

  test.each([1e6, 1])(
    'stopped, with %d bytes: what was seen is handed over, and going on gives the same bits',
    async (maxMemory) => {
      let partial: Statistics | undefined
      const onPartial = (statistics: Statistics): void => {
        partial = statistics
      }
      await expect(collect(MODEL, ALL, SAMPLES, { ...stopAt(3), onPartial, maxMemory })).rejects.toMatchObject({
        code: 'E_ABORTED',
      })
      expect(partial?.values.size).toBeGreaterThan(0)
      expect(readdirSync(home.path)).toEqual([])
      const resumed = await collect(MODEL, ALL, SAMPLES, { resume: partial!, maxMemory })
      expect(resumed.notes.filter((note) => note.includes('go on'))).toEqual([])
      expect(resumed.statistics).toEqual((await collect(MODEL, ALL, SAMPLES)).statistics)
    },
  )

  test('complete statistics are not collected again', async () => {
    const { statistics } = await collect(MODEL, ALL, SAMPLES)
    const again = await collect(MODEL, ALL, SAMPLES, { resume: statistics })
    expect(again.passes).toBe(0)
    expect(again.statistics).toEqual(statistics)
  })

  test('a bad sample in the middle', async () => {
    const at = (index: number) => (index === 2 ? Promise.reject(new Error('bad picture')) : SAMPLES.at(index))
    let seen = 0
    const onPartial = ({ labels }: Statistics): void => {
      seen = labels.length
    }
    await expect(collect(MODEL, ALL, { ...SAMPLES, at }, { onPartial })).rejects.toThrow('bad picture')
    expect(seen).toBeGreaterThan(0)
  })

  test('statistics of another model or other data are not used, and that is said', async () => {
    const { statistics } = await collect(MODEL, ALL, SAMPLES)
    for (const resume of [
      { ...statistics, model: 'f'.repeat(64) },
      { ...statistics, labels: statistics.labels.with(0, 'other') },
      { ...statistics, labels: [...statistics.labels, 'more'] },
    ]) {
      const { notes, passes } = await collect(MODEL, ALL, SAMPLES, { resume })
      expect(passes).toBe(1)
      expect(notes.join()).toContain('were not used')
    }
  })
})
