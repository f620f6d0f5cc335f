import { describe, expect, it } from 'vitest'
import { TersorError } from '../errors.ts'
import type { Feeds, RuntimeSession, SessionInput, Value } from '../model/runtime.ts'
import { floatsOf, integersOf } from './convert.ts'
import { openSynthetic, syntheticFeeds } from './synthetic.ts'
import { freeSizes, sizeLadder } from './synthetic-sizes.ts'

const y: Value = { dtype: 'f32', shape: [1], data: new Uint8Array(4) }

/** A session that takes only feeds that `takes` accepts. */
function session(inputs: readonly SessionInput[], takes: (feeds: Feeds) => boolean = () => true) {
  const runs: Feeds[] = []
  const made: RuntimeSession = {
    inputs,
    outputs: ['y'],
    async run(feeds) {
      runs.push(feeds)
      if (!takes(feeds)) throw new TersorError('E_RUNTIME', `run ${runs.length} refused`)
      return { y }
    },
    release: async () => undefined,
  }
  return { made, runs }
}
const input = (name: string, dtype: SessionInput['dtype'], shape: SessionInput['shape']): SessionInput => ({
  name,
  dtype,
  shape,
})

describe('sizes to try', () => {
  it('follow names, then places', () => {
    const inputs = [
      input('input_ids', 'i64', ['batch_size', 'sequence_length']),
      input('attention_mask', 'i64', ['batch_size', 'past_length + sequence_length']),
      input('image', 'f32', ['n', 3, 'H', null]),
      input('state', 'f32', [2, null, 128]),
      input('mel', 'f32', [null, 80, null]),
    ]
    expect(Object.fromEntries(freeSizes(inputs))).toEqual({
      batch_size: 'batch',
      sequence_length: 'length',
      past_length: 'past',
      n: 'batch',
      H: 'space',
      'image#3': 'space',
      'state#1': 'batch',
      'mel#0': 'batch',
      'mel#2': 'length',
    })
  })

  it('begin modestly, never repeat and end', () => {
    const ladder = sizeLadder([input('x', 'f32', ['n', 'c', 'h', 'w'])])
    expect(Object.fromEntries(ladder[0]!)).toEqual({ n: 1, c: 3, h: 224, w: 224 })
    expect(new Set(ladder.map((sizes) => JSON.stringify([...sizes]))).size).toBe(ladder.length)
    expect(ladder.length).toBeLessThan(60)
    expect(sizeLadder([input('x', 'f32', [1, 2])])).toHaveLength(1)
    expect(Object.fromEntries(sizeLadder([input('wave', 'f32', [1, 'T'])])[0]!)).toEqual({ T: 512 })
  })
})

describe('made-up feeds', () => {
  const inputs = [
    input('input_ids', 'i64', ['N', 'S']),
    input('attention_mask', 'i64', ['N', 'S']),
    input('h0', 'f32', [1, 'N', 4]),
    input('image', 'f32', ['N', 3, 16, 16]),
    input('half', 'f16', ['N', 5, 7]),
    input('pixels', 'u8', ['N', 8, 8, 3]),
  ]
  const sizes = new Map([
    ['N', 1],
    ['S', 16],
  ])
  const limits = new Map([['input_ids', { min: 5, max: 9 }]])
  const make = (seed: number, sample: number) => syntheticFeeds(inputs, sizes, limits, { seed, sample })

  it('have the shapes, and the same symbol is the same size', () => {
    const { feeds, filled } = make(0, 0)
    expect(Object.values(feeds).map(({ shape }) => shape)).toEqual([
      [1, 16],
      [1, 16],
      [1, 1, 4],
      [1, 3, 16, 16],
      [1, 5, 7],
      [1, 8, 8, 3],
    ])
    expect(filled).toEqual(['attention_mask: ones', 'h0: zeros'])
    for (const { dtype, shape, data } of Object.values(feeds)) {
      const width = dtype === 'i64' ? 8 : dtype === 'f32' ? 4 : dtype === 'f16' ? 2 : 1
      expect(data.length).toBe(shape.reduce((product, size) => product * size, width))
    }
  })

  it('keep ids within their limits and use them all', () => {
    const ids = Array.from(integersOf(make(0, 0).feeds.input_ids!) as ArrayLike<bigint>, Number)
    expect(Math.min(...ids)).toBe(5)
    expect(Math.max(...ids)).toBe(9)
  })

  it('are the same for the same seed and sample only', () => {
    expect(make(3, 1)).toEqual(make(3, 1))
    expect(make(3, 1).feeds.image).not.toEqual(make(3, 2).feeds.image)
    expect(make(3, 1).feeds.image).not.toEqual(make(4, 1).feeds.image)
  })

  it('make pictures that are finite, vary, and hang together from pixel to pixel', () => {
    const pixels = floatsOf(make(0, 0).feeds.image!)
    let square = 0
    let step = 0
    for (let i = 1; i < pixels.length; i += 1) {
      square += pixels[i]! * pixels[i]!
      if (i % 16 > 0) step += (pixels[i]! - pixels[i - 1]!) ** 2
    }
    expect(pixels.every(Number.isFinite)).toBe(true)
    expect(square / pixels.length).toBeGreaterThan(0.2)
    expect(step / pixels.length).toBeLessThan(square / pixels.length)
  })
})

describe('synthetic samples', () => {
  it('take the first sizes that run', async () => {
    const { made, runs } = session([input('x', 'f32', ['N', 3, 'H', 'W'])], ({ x }) => x?.shape[2] === 320)
    const set = await openSynthetic(made, { count: 3, seed: 1 })
    expect(Object.fromEntries(set.sizes)).toEqual({ N: 1, H: 320, W: 320 })
    expect(runs).toHaveLength(3)
    expect(set.count).toBe(3)
    expect((await set.at(2)).feeds.x?.shape).toEqual([1, 3, 320, 320])
    expect((await set.at(2)).label).toBe('synthetic 2')
  })

  it('are fewer where they are large, unless a number is asked for', async () => {
    const { made } = session([input('x', 'f32', [1, 4])])
    const large = (elements: number) => ({ ...made, run: async () => ({ y: { ...y, shape: [1, elements] } }) })
    const counts = await Promise.all([1000, 2_000_000, 20_000_000].map((n) => openSynthetic(large(n))))
    expect(counts.map(({ count }) => count)).toEqual([8, 3, 2])
    expect((await openSynthetic(large(2_000_000), { most: 32 })).count).toBe(15)
    expect((await openSynthetic(large(2_000_000), { count: 5 })).count).toBe(5)
  })

  it('take smaller ids for smaller tables', async () => {
    const small = ({ ids }: Feeds) => Array.from(integersOf(ids!) as ArrayLike<bigint>).every((id) => id < 10n)
    const { made } = session([input('ids', 'i64', ['N', 'S'])], small)
    const set = await openSynthetic(made)
    for (let i = 0; i < set.count; i += 1) expect(small((await set.at(i)).feeds)).toBe(true)
  })

  it('give up with what the executor said first and last', async () => {
    const { made } = session([input('x', 'f32', ['N', 'S'])], () => false)
    await expect(openSynthetic(made)).rejects.toMatchObject({
      code: 'E_RUNTIME',
      message: expect.stringMatching(/run 1 refused; at last: run \d+ refused/),
      hint: 'give data with --calib',
    })
    const fixed = session([input('x', 'f32', [1, 2])], () => false)
    await expect(openSynthetic(fixed.made)).rejects.toThrow('run 1 refused')
    expect(fixed.runs).toHaveLength(1)
  })

  it('do not hide other failures, and need no text', async () => {
    const { made } = session([input('x', 'f32', ['N', 'S'])])
    const stopped = { ...made, run: () => Promise.reject(new TersorError('E_ABORTED', 'stopped')) }
    await expect(openSynthetic(stopped)).rejects.toMatchObject({ code: 'E_ABORTED' })
    await expect(openSynthetic(session([input('t', 'string', [1])]).made)).rejects.toMatchObject({
      code: 'E_UNSUPPORTED',
    })
    const huge = session([input('x', 'f32', [1, 100_000, 100_000])]).made
    await expect(openSynthetic(huge)).rejects.toMatchObject({ code: 'E_LIMIT' })
  })

  it('do not count empty outputs as success', async () => {
    const { made } = session([input('x', 'f32', [1, 2])])
    const empty = { ...made, run: async () => ({ y: { ...y, shape: [0, 4] } }) }
    await expect(openSynthetic(empty)).rejects.toThrow('every output is empty')
  })
})
