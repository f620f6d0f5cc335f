import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { writeNpz } from '../../src/calibration/write-npz.ts'
import { type FileOptions, quantize } from '../../src/pipeline/quantize-file.node.ts'
import { buildModel, f32, node, value } from '../fixtures/build.ts'
import { convNet, inputsNpz, npzOf, PIXELS } from '../fixtures/conv-net.ts'
import { gaussian } from '../fixtures/distribution.ts'
import { lineFolder } from '../fixtures/line-folder.ts'

/*
 * Data that are wrong for int8-static: every message says what was expected and found, where, and what can be done.
 */

const folder = lineFolder()
const model = await folder.write('model.onnx', convNet())
let count = 0
const fresh = (ending: string): string => join(folder.path, `${count++}${ending}`)
function file(bytes: Uint8Array, ending = '.npz'): string {
  const path = fresh(ending)
  writeFileSync(path, bytes)
  return path
}
const good = file(inputsNpz(16, 1))
const array = (dtype: 'f32' | 'string', shape: readonly number[], values: Float32Array): Uint8Array =>
  writeNpz(new Map([['x', { dtype, shape, data: new Uint8Array(values.slice().buffer) }]]))

async function made(options: FileOptions, input = model) {
  const output = fresh('.onnx')
  const notes: string[] = []
  const report = await quantize(input, output, {
    ...{ to: 'int8-static', effort: 'fast', force: true, ...options },
    onEvent: ({ note }) => void (note === undefined || notes.push(note)),
  })
  return { report, warnings: report.warnings.join('\n'), notes: notes.join('\n') }
}

async function refused(options: FileOptions, code: string, ...words: readonly RegExp[]): Promise<void> {
  const output = fresh('.onnx')
  const thrown = await quantize(model, output, { to: 'int8-static', effort: 'fast', ...options }).then(
    () => undefined,
    (error: unknown) => error as { code: string; message: string; hint?: string },
  )
  expect(thrown?.code).toBe(code)
  for (const word of words) expect(`${thrown?.message} ${thrown?.hint ?? ''}`).toMatch(word)
  expect(existsSync(output)).toBe(false)
}

/** Pictures of 12 x 12, one of them cut off. */
async function pictures(broken: boolean): Promise<string> {
  const path = fresh('-pictures')
  mkdirSync(path)
  for (let i = 0; i < 9; i++) {
    const data = Uint8Array.from({ length: PIXELS }, (_, at) => (at * (i + 3) * 7) % 256)
    const png = await sharp(data, { raw: { width: 12, height: 12, channels: 3 } })
      .png()
      .toBuffer()
    writeFileSync(join(path, `photo-${i}.png`), broken && i === 4 ? png.subarray(0, 60) : png)
  }
  return path
}

describe('data for int8-static', () => {
  test('of a wrong shape', () =>
    refused(
      { calib: file(array('f32', [4, 1, 3, 12, 11], new Float32Array(4 * 3 * 12 * 11))) },
      'E_FORMAT',
      /\.npz/,
      /"x"/,
      /12/,
      /11/,
    ))

  test('of a wrong type', async () => {
    const texts = writeNpz(new Map([['x', { dtype: 'string', shape: [2], data: ['a', 'b'] }]]))
    await expect(made({ calib: file(texts) })).rejects.toMatchObject({
      code: expect.stringMatching(/^E_(FORMAT|UNSUPPORTED)$/),
    })
  })

  test('with a value that is no number', async () => {
    const values = gaussian(8 * PIXELS, 3)
    values[5 * PIXELS + 7] = Number.NaN
    const calib = file(npzOf(values, 8))
    await refused({ calib }, 'E_NONFINITE', /\.npz\[5\]/, /input "x"/, /NaN at element 7/)
    const { warnings } = await made({ calib, skipBad: true })
    expect(warnings).toMatch(/\[5\].*NaN/)
  })

  test('none that fit, and none at all', async () => {
    const empty = fresh('-empty')
    mkdirSync(empty)
    await refused({ calib: empty }, 'E_FORMAT', /expected .*pictures.* found none/)
    const values = new Float32Array(2 * PIXELS).fill(Number.NaN)
    await refused({ calib: file(npzOf(values, 2)), skipBad: true }, 'E_FORMAT', /no sample can be used/, /NaN/)
    await refused({ calib: join(folder.path, 'none') }, 'E_USAGE', /no such file or folder/)
  })

  test('one sample: used, and judged on it with a warning', async () => {
    const { report, warnings } = await made({ calib: file(inputsNpz(1, 5)) })
    expect(report.verdict?.data).toBe('given')
    expect(warnings).toMatch(/judged on --calib itself: too few samples to hold some back; add --eval/)
    expect(warnings).toMatch(/all 1 samples that judge are among those that ranges were found on/)
  })

  test('the same for calibration and evaluation: said, also under another name', async () => {
    const copy = fresh('.npz')
    cpSync(good, copy)
    for (const path of [good, copy]) {
      const { warnings } = await made({ calib: good, eval: path })
      expect(warnings).toMatch(/all 16 samples that judge are among .* give other data to --eval/)
    }
    const other = await made({ calib: good, eval: file(inputsNpz(8, 77)) })
    expect(other.warnings).not.toMatch(/samples that judge/)
    const held = await made({ calib: good })
    expect(held.warnings).not.toMatch(/samples that judge/)
  })

  test('pictures of one colour', async () => {
    const path = fresh('-flat')
    mkdirSync(path)
    for (let i = 0; i < 4; i++) {
      const flat = sharp({ create: { width: 12, height: 12, channels: 3, background: { r: 9 * i, g: 40, b: 80 } } })
      writeFileSync(join(path, `${i}.png`), await flat.png().toBuffer())
    }
    const { warnings } = await made({ calib: path, preprocess: 'unit' })
    expect(warnings).toMatch(/every picture is of one colour.*mean nothing/)
  })

  test('a corrupt picture in the middle: refused by name; left out and counted with --skip-bad', async () => {
    const calib = await pictures(true)
    await refused({ calib, preprocess: 'unit' }, 'E_FORMAT', /photo-4\.png/)
    const { report, warnings } = await made({ calib, preprocess: 'unit', skipBad: true })
    expect(warnings).toMatch(/photo-4\.png/)
    // Two of eight judge.
    expect(report.verdict?.samples).toBe(2)
    expect(report.decisions.some(({ because }) => /ranges of 6 samples/.test(because.text))).toBe(true)
  })

  test('bytes for a model of small numbers, as pictures and as arrays: flagged with the layer that says so', async () => {
    const bytes = gaussian(8 * PIXELS, 3).map((one) => Math.min(255, Math.max(0, Math.round(128 + 60 * one))))
    const said =
      /input "x": values from 0 to 255, .* bias of the first layer \(plain\) was learned with values of about 0\.\d+: the data look unnormalized/
    expect((await made({ calib: file(npzOf(bytes, 8)) })).warnings).toMatch(said)
    expect((await made({ calib: await pictures(false), preprocess: 'raw' })).warnings).toMatch(/look unnormalized/)
    expect((await made({ calib: await pictures(false), preprocess: 'unit' })).warnings).not.toMatch(/normalized/)
    expect((await made({ calib: good })).warnings).not.toMatch(/normalized/)
  })
})

describe('models that would not gain', () => {
  test('are named before anything is run', async () => {
    const product = (size: number) => [f32('w', [size, size], gaussian(size * size, 1))]
    const tiny = buildModel({
      inputs: [value('x', 'f32', [4, 4])],
      outputs: [value('y', 'f32', [4, 4])],
      initializers: product(4),
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
    })
    const { notes, warnings } = await made({ noVerify: true }, await folder.write('tiny.onnx', tiny))
    expect(notes.indexOf('gains little')).toBeGreaterThanOrEqual(0)
    expect(warnings).toMatch(
      /static int8 gains little on this model: it is too small: its 1 float weights have 64 bytes/,
    )
  })

  test('are refused where there is nothing to gain', async () => {
    const first = fresh('.onnx')
    await quantize(model, first, { to: 'int8-static', effort: 'fast', calib: good, force: true })
    const again = quantize(first, fresh('.onnx'), { to: 'int8-static', calib: join(folder.path, 'never-read') })
    await expect(again).rejects.toMatchObject({
      code: 'E_PLAN',
      message: expect.stringMatching(/quantized already: \d+ nodes work on codes/),
    })
    expect(readFileSync(first).length).toBeGreaterThan(0)
  })
})
