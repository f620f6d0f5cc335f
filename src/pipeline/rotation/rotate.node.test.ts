import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildModel, encodeModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { weight } from '../../../test/fixtures/line-models.ts'
import { writeNpz } from '../../calibration/index.ts'
import type { TersorError } from '../../errors.ts'
import { quantize as quantizeBytes } from '../quantize-bytes.ts'
import { plan, quantize } from '../quantize-file.node.ts'
import { rotationAsk } from './rotation-ask.ts'

const [WIDTH, INNER] = [64, 128]
let folder = ''
let path = ''
let bytes = new Uint8Array()

/** A stream with two large channels, two blocks and a head that is the embedding. */
async function streamModel(): Promise<Uint8Array> {
  const nodes = [
    node('Gather', ['words', 'ids'], ['h0']),
    ...[0, 1].flatMap((block) => [
      node('LayerNormalization', [`h${block}`, 'gain', 'bias'], [`n${block}`], { axis: -1 }),
      node('MatMul', [`n${block}`, `up${block}`], [`u${block}`]),
      node('Relu', [`u${block}`], [`r${block}`]),
      node('MatMul', [`r${block}`, `down${block}`], [`d${block}`]),
      node('Add', [`h${block}`, `d${block}`], [`h${block + 1}`]),
    ]),
    node('LayerNormalization', ['h2', 'gain', 'bias'], ['n2'], { axis: -1 }),
    node('Transpose', ['words'], ['head'], { perm: [1, 0] }),
    node('MatMul', ['n2', 'head'], ['logits']),
  ]
  const gain = Float32Array.from({ length: WIDTH }, (_, i) => (i === 3 ? 6 : i === 40 ? 0.2 : 1))
  return encodeModel(
    buildModel({
      nodes,
      initializers: [
        ...[weight('words', [96, WIDTH], 1), f32('gain', [WIDTH], gain)],
        f32('bias', [WIDTH], new Float32Array(WIDTH).fill(0.1)),
        ...[0, 1].flatMap((block) => [
          weight(`up${block}`, [WIDTH, INNER], 2 + block),
          weight(`down${block}`, [INNER, WIDTH], 4 + block),
        ]),
      ],
      inputs: [value('ids', 'i64', [1, 'length'])],
      outputs: [value('logits', 'f32', [1, 'length', 96])],
    }),
  )
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tersor-rotate-'))
  path = join(folder, 'model.onnx')
  bytes = (await streamModel()) as Uint8Array<ArrayBuffer>
  writeFileSync(path, bytes)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const codeOf = async (work: () => unknown): Promise<string> => {
  try {
    await work()
    return 'nothing was thrown'
  } catch (thrown) {
    return (thrown as TersorError).code
  }
}

describe('--transform rotate', () => {
  test('turns the stream, keeps the tied table one tensor, and is the same in memory', async () => {
    const output = join(folder, 'out.onnx')
    const options = { to: 'int4-weights', transform: 'rotate', everything: true, attempts: 1, force: true } as const
    const report = await quantize(path, output, options)
    expect(report.warnings.find((text) => text.startsWith('rotated:'))).toBe(
      'rotated: the residual stream (64 channels, 3 norms)',
    )
    const reasons = new Map(report.decisions.map(({ tensor, because }) => [tensor, because.text]))
    expect(reasons.get('up0')).toContain('inputs rotated by Hadamard matrices of 64')
    expect(reasons.get('down1')).toContain('outputs rotated by Hadamard matrices of 64')
    const added = report.decisions.find(({ tensor }) => tensor.endsWith('/rotation'))
    expect(added?.action === 'quantize' && added.scheme).toMatch(/^int8/)
    expect(report.verdict?.status).not.toBe('refused')
    const made = await quantizeBytes(bytes, { ...options, name: 'out.onnx' })
    expect(Buffer.compare(Buffer.from(made.files.get('out.onnx') as Uint8Array), readFileSync(output))).toBe(0)
    expect(made.report.warnings.join()).toContain('the float models were not run beside each other')
  })

  test('codes found on data behind it are kept by --statistics, for Node and memory', async () => {
    const calib = join(folder, 'calib.npz')
    const shape = [16, 12]
    const ids = BigInt64Array.from({ length: 16 * 12 }, (_, i) => BigInt((i * 11 + (i % 7)) % 96))
    const data = new Uint8Array(ids.buffer)
    writeFileSync(calib, writeNpz(new Map([['ids', { dtype: 'i64', shape, data }]])))
    const statistics = join(folder, 'kept.tersor-statistics')
    const options = {
      to: 'int4-weights',
      transform: 'rotate',
      everything: true,
      effort: 'fast',
      noVerify: true,
    } as const
    const [first, second] = [join(folder, 'first.onnx'), join(folder, 'second.onnx')]
    const report = await quantize(path, first, { ...options, calib, statistics, force: true })
    expect(report.decisions.some((one) => one.action === 'quantize' && one.because.text.includes('rotated'))).toBe(true)
    await quantize(path, second, { ...options, statistics, force: true })
    expect(Buffer.compare(readFileSync(first), readFileSync(second))).toBe(0)
    const name = 'first.onnx'
    const made = await quantizeBytes(bytes, { ...options, name, statistics: new Uint8Array(readFileSync(statistics)) })
    expect(Buffer.compare(Buffer.from(made.files.get(name) as Uint8Array), readFileSync(first))).toBe(0)
    // Codes of the model as it was are of another one.
    await expect(
      quantizeBytes(bytes, { ...options, transform: 'none', statistics: new Uint8Array(readFileSync(statistics)) }),
    ).rejects.toThrow()
  })

  test('other seeds give other bytes', async () => {
    const options = { to: 'int8', transform: 'rotate', everything: true } as const
    const [a, b] = [await quantizeBytes(bytes, options), await quantizeBytes(bytes, { ...options, seed: 7 })]
    expect(a.files.get('model.onnx')).not.toEqual(b.files.get('model.onnx'))
  })

  test('plan says what would be done', async () => {
    const report = await plan(path, { to: 'int4-weights', transform: 'rotate', everything: true })
    expect(report.decisions.some(({ because }) => because.text.includes('rotated'))).toBe(true)
  })

  test('a model with nothing to turn says why', async () => {
    const plain = await encodeModel(
      buildModel({
        nodes: [node('MatMul', ['x', 'a'], ['h']), node('Tanh', ['h'], ['t']), node('MatMul', ['t', 'b'], ['y'])],
        initializers: [weight('a', [16, 16], 1), weight('b', [16, 16], 2)],
        inputs: [value('x', 'f32', [1, 16])],
        outputs: [value('y', 'f32', [1, 16])],
      }),
    )
    const failing = quantizeBytes(plain, { to: 'int4-weights', transform: 'rotate' })
    await expect(failing).rejects.toMatchObject({
      code: 'E_PLAN',
      message: expect.stringContaining(
        'nothing in this model can be rotated: it is an input ("x"); Tanh in between ("t")',
      ),
    })
  })
})

test('what else --transform may say', async () => {
  expect(rotationAsk('rotate', 'int4-weights')).toEqual({ rotates: true, transform: undefined })
  expect(rotationAsk('rotate, none', 'int8')).toEqual({ rotates: true, transform: 'none' })
  expect(rotationAsk('awq', 'int4-weights')).toEqual({ rotates: false, transform: 'awq' })
  // Its own transforms answer.
  expect(rotationAsk('rotate', 'int8-static').rotates).toBe(false)
  for (const [transform, to] of [
    ['rotate,awq', 'int4-weights'],
    ['rotate', 'q4f16'],
    ['rotate', 'fp16-weights'],
  ] as const)
    expect(await codeOf(() => rotationAsk(transform, to))).toBe('E_USAGE')
})
