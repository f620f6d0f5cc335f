import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zipSync } from 'fflate'
import { afterAll, describe, expect, it } from 'vitest'
import type { SessionInput, Value } from '../model/runtime.ts'
import { floatsOf, packFloats, packIntegers } from './convert.ts'
import { writeNpy } from './npy.ts'
import { openSamples } from './samples.node.ts'
import { spread } from './select.ts'

const root = mkdtempSync(join(tmpdir(), 'tersor-samples-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const x: SessionInput = { name: 'x', dtype: 'f32', shape: ['N', 2] }
const ids: SessionInput = { name: 'ids', dtype: 'i64', shape: ['N', 'S'] }
const mask: SessionInput = { name: 'attention_mask', dtype: 'i64', shape: ['N', 'S'] }

const count = (shape: number[]) => shape.reduce((product, size) => product * size, 1)
/** Elements 0, 1, 2 ... */
const ramp = (shape: number[], dtype: 'f32' | 'f64' = 'f32'): Value => ({
  dtype,
  shape,
  data: packFloats(
    Float64Array.from({ length: count(shape) }, (_, i) => i),
    dtype,
  ),
})
const integers = (shape: number[], dtype: 'i32' | 'i64' = 'i64'): Value => ({
  dtype,
  shape,
  data: packIntegers(
    Array.from({ length: count(shape) }, (_, i) => i),
    dtype,
  ),
})

let folders = 0
function folder(files: Readonly<Record<string, Uint8Array | string>>): string {
  folders += 1
  const path = join(root, String(folders))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(path, name, '..'), { recursive: true })
    writeFileSync(join(path, name), content)
  }
  return path
}
async function all(set: Awaited<ReturnType<typeof openSamples>>) {
  return Promise.all(Array.from({ length: set.count }, (_, i) => set.at(i)))
}
const first = (value: Value | undefined) => floatsOf(value!)[0]

describe('samples from files', () => {
  it('states that the data give: samples without gaps where they are asked for and are no zeros', async () => {
    const state: SessionInput = { name: 'h', dtype: 'f32', shape: [1, 3] }
    const states = [{ name: 'h_out', dtype: 'f32', shape: [1, 3] }]
    const zeros = { ...ramp([10, 1, 3]), data: new Uint8Array(120) }
    const [moving, still] = [ramp([10, 1, 3]), zeros].map((h) =>
      folder({ 'x.npy': writeNpy(ramp([10, 2])), 'h.npy': writeNpy(h) }),
    )
    const chosen = async (path: string, along: boolean) =>
      (await all(await openSamples(path, [x, state], { samples: 4, states, along }))).map(({ index }) => index)
    expect(await chosen(moving!, true)).toEqual([0, 1, 2, 3])
    expect(await chosen(moving!, false)).toEqual([0, 2, 5, 7])
    expect(await chosen(still!, true)).toEqual([0, 2, 5, 7])
    expect((await openSamples(moving!, [x, state], { samples: 4, states, along: true })).sequence).toBeUndefined()
  })

  it('states that the data do not give: samples without gaps', async () => {
    const state: SessionInput = { name: 'h', dtype: 'f32', shape: [1, 3] }
    const path = join(folder({ 'data.npy': writeNpy(ramp([10, 2])) }), 'data.npy')
    const states = [{ name: 'h_out', dtype: 'f32', shape: [1, 3] }]
    const set = await openSamples(path, [x, state], { samples: 4, states })
    expect((await all(set)).map(({ index }) => index)).toEqual([0, 1, 2, 3])
    expect([set.sequence, set.notes]).toEqual([
      true,
      ['states go from sample to sample: 4 of 10 samples, one after the other'],
    ])
    const other = await openSamples(path, [x, state], { samples: 4, states: [{ ...states[0]!, shape: [1, 4] }] })
    expect((await all(other)).map(({ index }) => index)).toEqual([0, 2, 5, 7])
    expect(other.sequence).toBeUndefined()
  })

  it('.npy of many samples, evenly spread, types converted and said', async () => {
    const path = join(folder({ 'data.bin': writeNpy(ramp([10, 2], 'f64')) }), 'data.bin')
    const set = await openSamples(path, [x], { samples: 4 })
    expect([set.count, set.found, set.converted]).toEqual([4, 10, ['x: f64 -> f32']])
    const samples = await all(set)
    expect(samples.map(({ label }) => label)).toEqual([0, 2, 5, 7].map((i) => `${path}[${i}]`))
    expect(samples.map(({ feeds }) => [feeds.x?.dtype, feeds.x?.shape, first(feeds.x)])).toEqual(
      [0, 4, 10, 14].map((value) => ['f32', [1, 2], value]),
    )
  })

  it('.npz by key, what is missing filled and listed, what is left named', async () => {
    const archive = zipSync({ 'ids.npy': writeNpy(integers([3, 4], 'i32')), 'labels.npy': writeNpy(ramp([3])) })
    const set = await openSamples(join(folder({ 'a.npz': archive }), 'a.npz'), [ids, mask])
    expect(set).toMatchObject({ count: 3, filled: ['attention_mask: ones'], converted: ['ids: i32 -> i64'] })
    expect(set.skipped).toEqual([expect.stringContaining('array "labels", not used')])
    expect((await set.at(0)).feeds.attention_mask?.shape).toEqual([1, 4])
  })

  it('a folder of files in the order of their numbers', async () => {
    const path = folder({
      's10.npy': writeNpy(ramp([2])),
      's9.npy': writeNpy(ramp([3, 2])),
      'b.npz': zipSync({ 'x.npy': writeNpy(ramp([1, 2])) }),
      'README.md': 'about',
    })
    const set = await openSamples(path, [x])
    expect((await all(set)).map(({ label }) => label.slice(path.length + 1))).toEqual([
      'b.npz',
      's9.npy[0]',
      's9.npy[1]',
      's9.npy[2]',
      's10.npy',
    ])
    expect(set.skipped).toEqual([`${path}: 1 other files, such as README.md`])
  })

  it('a folder with a file per input', async () => {
    const path = folder({ 'ids.npy': writeNpy(integers([2, 3])), 'attention_mask.npy': writeNpy(integers([2, 3])) })
    const set = await openSamples(path, [ids, mask])
    expect(set).toMatchObject({ count: 2, filled: [] })
    expect(Object.keys((await set.at(1)).feeds)).toEqual(['ids', 'attention_mask'])
  })

  it('test_data_set folders, inputs by order or by name, with what is expected', async () => {
    const path = folder({
      'test_data_set_0/input_0.pb': 'ids',
      'test_data_set_0/input_1.pb': 'attention_mask',
      'test_data_set_0/output_0.pb': 'y',
      'test_data_set_10/input_0.pb': 'attention_mask named',
      'test_data_set_10/input_1.pb': 'ids named',
      'test_data_set_2/input_0.pb': 'ids',
      'model.onnx': 'model',
    })
    const decodeTensor = (bytes: Uint8Array) => {
      const [what = '', named] = new TextDecoder().decode(bytes).split(' ')
      const value = integers(what === 'ids' ? [1, 3] : [1, 3])
      return named === undefined ? value : { ...value, name: what }
    }
    const set = await openSamples(path, [ids, mask], { decodeTensor, outputs: ['y'] })
    const samples = await all(set)
    expect(samples.map(({ label }) => label.slice(path.length + 1))).toEqual([
      'test_data_set_0',
      'test_data_set_2',
      'test_data_set_10',
    ])
    expect(Object.keys(samples[0]!.expected!)).toEqual(['y'])
    expect(samples[2]!.feeds.ids?.shape).toEqual([1, 3])
    expect(set.filled).toEqual(['attention_mask: ones'])
    const one = await openSamples(join(path, 'test_data_set_2'), [ids, mask], { decodeTensor })
    expect(one.count).toBe(1)
    await expect(openSamples(path, [ids])).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
  })

  it('a module of feeds in any of the three forms', async () => {
    const path = join(
      folder({
        'feeds.mjs': `export default async function* () {
          yield { x: { type: 'float32', dims: [1, 2], data: Float32Array.of(1, 2) } }
          yield { x: { dtype: 'f32', shape: [1, 2], data: new Uint8Array(Float32Array.of(3, 4).buffer) } }
          for (;;) yield { x: Float64Array.of(5, 6), note: 'n' }
        }`,
      }),
      'feeds.mjs',
    )
    const set = await openSamples(path, [x], { samples: 4 })
    expect((await all(set)).map(({ feeds }) => first(feeds.x))).toEqual([1, 3, 5, 5])
    expect(set.skipped[0]).toContain('"note", not used')
  })

  it('a generator that was walked is made again: the same data find ranges and judge', async () => {
    const source = 'export default (function* () { yield { x: Float32Array.of(1, 2) } })()'
    const path = join(folder({ 'once.mjs': source }), 'once.mjs')
    for (let time = 0; time < 3; time++) {
      expect((await all(await openSamples(path, [x]))).map(({ feeds }) => first(feeds.x))).toEqual([1])
    }
  })
})

describe('samples that are refused', () => {
  const bad = writeNpy({ ...ramp([1, 2]), data: packFloats(Float32Array.of(1, Number.NaN), 'f32') })
  const good = writeNpy(ramp([1, 2]))

  it('by the name of the file, or left out when asked', async () => {
    const path = folder({ 'a.npy': good, 'b.npy': bad, 'c.npy': writeNpy(ramp([1, 3])), 'd.npy': good.subarray(0, 90) })
    await expect(openSamples(path, [x])).rejects.toMatchObject({
      code: 'E_FORMAT',
      message: expect.stringContaining('d.npy'),
    })
    const set = await openSamples(path, [x], { skipBad: true })
    expect(set.count).toBe(1)
    expect(set.skipped).toHaveLength(3)
    for (const name of ['b.npy', 'c.npy', 'd.npy']) expect(set.skipped.join()).toContain(name)
  })

  it('when they are asked for, for what only their values show', async () => {
    const set = await openSamples(folder({ 'a.npy': good, 'b.npy': bad }), [x])
    await set.at(0)
    await expect(set.at(1)).rejects.toMatchObject({ code: 'E_NONFINITE', message: expect.stringContaining('b.npy') })
    const none = openSamples(folder({ 'b.npy': bad }), [x], { skipBad: true })
    await expect(none).rejects.toMatchObject({ code: 'E_FORMAT', message: expect.stringContaining('b.npy') })
  })

  it('of other kinds, or not there', async () => {
    await expect(openSamples(join(root, 'nothing'), [x])).rejects.toMatchObject({ code: 'E_USAGE' })
    await expect(openSamples(folder({ '.keep': '' }), [x])).rejects.toMatchObject({ code: 'E_UNSUPPORTED' })
    const jpeg = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0)
    await expect(openSamples(folder({ 'a.npy': jpeg }), [x])).rejects.toMatchObject({
      code: 'E_UNSUPPORTED',
      message: expect.stringContaining('pictures need one input'),
    })
  })

  it.each([
    ['throws', `throw new Error('mine')`, 'mine'],
    ['is not iterable', `export default 5`, 'iterable'],
    ['gives no objects', `export default [5]`, 'found number'],
    ['gives no tensors', `export default [{ x: 'a' }]`, 'found string'],
    ['gives no shape', `export default [{ x: { type: 'float32', data: new Float32Array(2) } }]`, 'dims'],
    [
      'gives a wrong length',
      `export default [{ x: { type: 'float32', dims: [1, 2], data: new Float32Array(3) } }]`,
      'needs 8 bytes',
    ],
    ['gives no multiple', `export default [{ x: new Float32Array(3) }]`, 'multiple of 2'],
  ])('a module that %s', async (_, source, message) => {
    const path = join(folder({ 'm.mjs': source }), 'm.mjs')
    await expect(openSamples(path, [x])).rejects.toMatchObject({
      code: 'E_FORMAT',
      message: expect.stringContaining(message),
    })
  })
})

describe('selection', () => {
  it('is spread evenly and takes all when there are few', () => {
    expect(spread(3, 5)).toEqual([0, 1, 2])
    expect(spread(10, 3)).toEqual([0, 3, 6])
    expect(spread(0, 3)).toEqual([])
  })
})
