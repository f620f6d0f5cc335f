import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { memorySource } from '../../src/bytes/memory.ts'
import { openNpz, readNpy, writeNpy, writeNpz } from '../../src/calibration/index.ts'
import { writePicture } from '../../src/calibration/picture.node.ts'
import type { Value } from '../../src/model/runtime.ts'
import { arrayFileKind, dequantizeArrays, quantizeArrays } from '../../src/node.ts'

const folder = mkdtempSync(join(tmpdir(), 'tersor-arrays-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => join(folder, name)

/** Rows with a common part, as embeddings have it. */
const table = (rows: number, width: number): Float32Array =>
  Float32Array.from({ length: rows * width }, (_, i) => {
    const row = Math.floor(i / width)
    const column = i % width
    return Math.sin(row * 0.37 + column) + 0.5 * Math.sin(column * 1.7) + 0.2 * Math.sin(row * column * 0.61)
  })
const value = (values: Float32Array, shape: readonly number[]): Value => ({
  dtype: 'f32',
  shape,
  data: new Uint8Array(values.buffer),
})

describe('arrays as data', () => {
  const values = table(60, 33)
  writeFileSync(at('emb.npy'), writeNpy(value(values, [60, 33])))

  it('are known by content', async () => {
    expect(await arrayFileKind(at('emb.npy'))).toBe('npy')
    expect(await arrayFileKind(at('missing.npy'))).toBeNull()
    expect(await arrayFileKind(folder)).toBeNull()
  })

  it('go to codes and back, within the error that is reported', async () => {
    for (const to of ['int8-row', 'int4-block16-asym-f16', 'int3-block32-signed', 'int16-tensor', 'levels5-column']) {
      const report = await quantizeArrays(at('emb.npy'), at('q.npz'), { to, force: true })
      const [one] = report.decisions
      const back = await dequantizeArrays(at('q.npz'), at('f.npy'), { force: true })
      expect(back.decisions[0]?.scheme).toBe(one?.scheme)
      const stored = await readNpy(memorySource(readFileSync(at('f.npy')), 'f'))
      const decoded = new Float32Array(new Uint8Array(stored.data as Uint8Array).buffer)
      const largest = values.reduce((most, x, i) => Math.max(most, Math.abs(x - decoded[i]!)), 0)
      expect(largest).toBe(one?.maxAbs)
      expect(one?.bytesAfter).toBeLessThan(one?.bytesBefore as number)
    }
  })

  it('are plain arrays for numpy: codes in shape, scales, zeros', async () => {
    await quantizeArrays(at('emb.npy'), at('q.npz'), { to: 'uint8-row', effort: 'fast', force: true })
    const members = await openNpz(memorySource(readFileSync(at('q.npz')), 'q'))
    expect([...members.keys()]).toEqual([
      'emb.scheme',
      'emb.dtype',
      'emb.shape',
      'emb.codes',
      'emb.scales',
      'emb.zeros',
    ])
    const codes = await members.get('emb.codes')!.all()
    const stored = await members.get('emb.scales')!.all()
    const scales = new Float32Array(new Uint8Array(stored.data as Uint8Array).buffer)
    const zeros = (await members.get('emb.zeros')!.all()).data as Uint8Array
    expect(codes.shape).toEqual([60, 33])
    for (const [i, code] of (codes.data as Uint8Array).entries()) {
      const row = Math.floor(i / 33)
      expect(Math.abs(scales[row]! * (code - zeros[row]!) - values[i]!)).toBeLessThanOrEqual(scales[row]! / 2 + 1e-6)
    }
  })

  it('give the same bytes again', async () => {
    await quantizeArrays(at('emb.npy'), at('a.npz'), { to: 'int4-block16' })
    await quantizeArrays(at('emb.npy'), at('b.npz'), { to: 'int4-block16' })
    expect(readFileSync(at('a.npz'))).toEqual(readFileSync(at('b.npz')))
  })

  it('measure what a search finds, and find more with codes moved for products', async () => {
    const coarse = await quantizeArrays(at('emb.npy'), at('r.npz'), { to: 'int3-row', recall: true, force: true })
    const moved = await quantizeArrays(at('emb.npy'), at('r.npz'), {
      to: 'int3-row',
      solver: 'products',
      recall: true,
      force: true,
    })
    const again = await quantizeArrays(at('emb.npy'), at('r.npz'), {
      to: 'int3-row',
      rescore: 'int8-row',
      recall: true,
      force: true,
    })
    const [a, b, c] = [coarse, moved, again].map((report) => report.decisions[0]?.recall)
    expect(a?.queries).toBe(12)
    expect(b!.at10).toBeGreaterThanOrEqual(a!.at10)
    expect(c!.at10).toBeGreaterThan(a!.at10)
    expect(c!.rescored).toEqual({ scheme: 'int8-row', candidates: 4 })
    const back = await dequantizeArrays(at('r.npz'), at('r.npy'))
    expect(back.decisions.map(({ scheme }) => scheme)).toEqual(['int8-row'])
  })

  it('keep what is not float in an archive', async () => {
    const ids: Value = { dtype: 'i64', shape: [2], data: new Uint8Array(BigInt64Array.of(5n, 7n).buffer) }
    writeFileSync(
      at('two.npz'),
      writeNpz(
        new Map([
          ['x', value(table(4, 8), [4, 8])],
          ['ids', ids],
        ]),
      ),
    )
    const report = await quantizeArrays(at('two.npz'), at('two.int8.npz'), {})
    expect(report.decisions.map(({ name, action }) => `${name} ${action}`)).toEqual(['x quantize', 'ids keep'])
    await dequantizeArrays(at('two.int8.npz'), at('two.float.npz'))
    const members = await openNpz(memorySource(readFileSync(at('two.float.npz')), 'two'))
    expect(new Uint8Array((await members.get('ids')!.all()).data as Uint8Array)).toEqual(ids.data)
    await expect(quantizeArrays(at('two.int8.npz'), undefined, {})).rejects.toThrow(/quantized already/)
  })

  it('keep arrays apart whose names look like those of codes', async () => {
    const pack = (...names: string[]) =>
      writeFileSync(
        at('names.npz'),
        writeNpz(new Map(names.map((name) => [name, name[0] === 'i' || name.endsWith('i') ? ids : floats]))),
      )
    const ids: Value = { dtype: 'i64', shape: [1], data: new Uint8Array(8) }
    const floats = value(table(2, 3), [2, 3])
    pack('a', 'a.b', 'a.bi', 'a.b.ci')
    await quantizeArrays(at('names.npz'), at('names.q.npz'), {})
    await dequantizeArrays(at('names.q.npz'), at('names.f.npz'))
    const back = await openNpz(memorySource(readFileSync(at('names.f.npz')), 'names'))
    expect([...back.keys()]).toEqual(['a', 'a.b', 'a.bi', 'a.b.ci'])
    pack('a', 'a.rescore')
    await expect(quantizeArrays(at('names.npz'), at('no.npz'), {})).rejects.toThrow(/finer code of "a"/)
    writeFileSync(
      at('names.npz'),
      writeNpz(
        new Map([
          ['a', floats],
          ['a.codes', ids],
        ]),
      ),
    )
    await expect(quantizeArrays(at('names.npz'), at('no.npz'), {})).rejects.toThrow(/"a.codes" is the name of/)
  })

  it('say where a value is not finite, and what an output beside the input costs', async () => {
    writeFileSync(
      at('wide.npy'),
      writeNpy({ dtype: 'f64', shape: [2, 2], data: new Uint8Array(Float64Array.of(1, 2, 1e300, 4).buffer) }),
    )
    await expect(quantizeArrays(at('wide.npy'), at('no.npz'), {})).rejects.toThrow(
      'wide[1, 0] is 1e+300, which f32 does not hold',
    )
    writeFileSync(at('tiny.npy'), writeNpy(value(table(1, 3), [1, 3])))
    expect((await quantizeArrays(at('tiny.npy'), at('tiny.npz'), {})).warnings).toEqual([
      expect.stringMatching(/not smaller/),
    ])
  })

  it('take importance', async () => {
    writeFileSync(
      at('w.npy'),
      writeNpy(
        value(
          Float32Array.from({ length: 33 }, (_, i) => (i < 3 ? 100 : 0.01)),
          [33],
        ),
      ),
    )
    const plain = await quantizeArrays(at('emb.npy'), at('i.npz'), { to: 'int2-row-signed', force: true })
    const weighed = await quantizeArrays(at('emb.npy'), at('i.npz'), {
      to: 'int2-row-signed',
      importance: at('w.npy'),
      force: true,
    })
    expect(weighed.decisions[0]!.relativeRms).toBeGreaterThan(plain.decisions[0]!.relativeRms!)
  })

  it('are pictures, too', async () => {
    const data = Uint8Array.from({ length: 16 * 12 * 3 }, (_, i) => (i * 7) % 256)
    writeFileSync(at('p.png'), await writePicture({ shape: [12, 16, 3], data }, 'p'))
    const short = await quantizeArrays(at('p.png'), undefined, {})
    expect(short.decisions[0]?.bitsPerValue).toBeLessThan(5)
    const report = await quantizeArrays(at('p.png'), at('p.npz'), { to: 'int6-tensor-offset' })
    expect(report.decisions[0]?.shape).toEqual([12, 16, 3])
    await dequantizeArrays(at('p.npz'), at('back.png'))
    const again = await quantizeArrays(at('back.png'), at('p2.npz'), { to: 'int6-tensor-offset' })
    expect(again.decisions[0]?.maxAbs).toBeLessThanOrEqual(255 / 63 / 2 + 0.6)
  })

  it('choose the scheme within a budget, and show the curve', async () => {
    const report = await quantizeArrays(at('emb.npy'), at('b4.npz'), { budget: 4.8 })
    const [one] = report.decisions
    expect(one?.bitsPerValue).toBeLessThanOrEqual(4.8)
    expect(one?.curve?.some(({ scheme }) => scheme === one.scheme)).toBe(true)
    expect(one?.because).toMatch(/least error of \d+ schemes within 4.8 bits/)
    await expect(quantizeArrays(at('emb.npy'), at('no.npz'), { budget: 4, to: 'int4-row' })).rejects.toThrow(/--to/)
  })

  it('are refused in words', async () => {
    const refuse = (options: object, words: RegExp, input = 'emb.npy') =>
      expect(quantizeArrays(at(input), at('no.npz'), options)).rejects.toThrow(words)
    await refuse({ to: 'int9-row' }, /expected a scheme/)
    await refuse({ solver: 'gptq' }, /needs a model/)
    await refuse({ solver: 'search', effort: 'best' }, /contradict/)
    for (const to of ['nf4-row', 'f16', 'e4m3fn', 'q4k']) await refuse({ to, solver: 'products' }, /evenly spaced/)
    await refuse({ rescore: 'int8-row' }, /belong to --recall/)
    await refuse({ recall: true, candidates: 0 }, /--candidates/)
    writeFileSync(at('bad.npy'), writeNpy(value(Float32Array.of(1, Number.NaN), [2])))
    await refuse({}, /bad\[1\] is NaN/, 'bad.npy')
    writeFileSync(at('ids.npy'), writeNpy({ dtype: 'i64', shape: [1], data: new Uint8Array(8) }))
    await refuse({}, /expected floats/, 'ids.npy')
    await refuse({ recall: true }, /table of at least 10 rows/, 'ids.npy').catch(() => undefined)
    await expect(dequantizeArrays(at('emb.npy'), undefined)).rejects.toThrow(/found an .npy/)
    writeFileSync(at('there.npz'), '')
    await expect(quantizeArrays(at('emb.npy'), at('there.npz'), {})).rejects.toThrow(/exists/)
    writeFileSync(at('plain.npz'), writeNpz(new Map([['x', value(table(2, 2), [2, 2])]])))
    await expect(dequantizeArrays(at('plain.npz'), undefined)).rejects.toThrow(/found none/)
  })
})
