import { execFile } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { TersorError } from '../../src/errors.ts'
import type { Model } from '../../src/model/graph.ts'
import { type FileOptions, plan, quantize } from '../../src/pipeline/quantize-file.node.ts'
import { buildModel, encodeModel, node, value } from '../fixtures/build.ts'
import { constantNodes, gather, halfModel, type LineModel, lstm, matmul, weight } from '../fixtures/line-models.ts'
import { transformer, withExternalData } from '../fixtures/transformer.ts'

const DEMO = readFileSync(join(import.meta.dirname, '..', '..', 'demo', 'model.onnx'))

let folder = ''
let model = ''
let output = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tersor-bad-'))
  model = join(folder, 'model.onnx')
  output = join(folder, 'out.onnx')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** What `quantize` throws; and that it left nothing but what was there. */
async function failure(to = output, options: FileOptions = {}): Promise<TersorError> {
  const before = readdirSync(folder).sort()
  const error = await quantize(model, to, { to: 'int8', noVerify: true, ...options }).then(
    () => new Error('nothing was thrown'),
    (thrown) => thrown,
  )
  expect(readdirSync(folder).sort()).toEqual(before)
  expect(error).toBeInstanceOf(TersorError)
  return error
}

describe('not a model, by content', () => {
  const text = (value: string): Uint8Array => new TextEncoder().encode(value.padEnd(200, ' '))
  test.each<[string, Uint8Array, RegExp]>([
    ['a zip archive, as PyTorch writes', Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0, 0, 0), /zip archive/],
    ['a pickle', Uint8Array.of(0x80, 2, 0x63, 0x74, 0x6f, 0x72, 0x63, 0x68), /pickle/],
    ['safetensors', Uint8Array.of(64, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x22, 0x77), /safetensors/],
    ['GGUF', text('GGUF'), /GGUF/],
    ['JSON', text('{"model": 1}'), /JSON/],
    ['a page instead of the file', text('<!DOCTYPE html><html>'), /HTML/],
    ['a git-lfs pointer', text('version https://git-lfs.github.com/spec/v1'), /git-lfs/],
    ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0), /gzip/],
    ['an empty file', new Uint8Array(0), /empty/],
    ['zeros', new Uint8Array(1000), /zero bytes/],
    ['noise', Uint8Array.from({ length: 1000 }, (_, i) => (i * 167 + 91) % 256), /not an ONNX model/],
  ])('%s', async (_, bytes, message) => {
    writeFileSync(model, bytes)
    const error = await failure()
    expect(error).toMatchObject({ code: 'E_FORMAT', where: model })
    expect(error.message).toMatch(message)
    expect(error.hint).not.toBeUndefined()
  })

  test('no file at all', async () => {
    expect(await failure()).toMatchObject({ code: 'E_USAGE', where: model })
  })

  test('a folder without a model', async () => {
    mkdirSync(model)
    expect(await failure()).toMatchObject({ code: 'E_USAGE', message: expect.stringContaining('onnx/model.onnx') })
  })
})

describe('truncated', () => {
  test('at any of many places: an error or a shorter file that says so, never a raw one', async () => {
    for (let length = 1; length < DEMO.length; length = Math.ceil(length * 1.7) + 1) {
      writeFileSync(model, DEMO.subarray(0, length))
      const error = await failure()
      expect(['E_FORMAT', 'E_LIMIT'], `${length} bytes: ${error.message}`).toContain(error.code)
    }
  })
})

describe('weights that are not finite are named with their element', () => {
  /** The same model with one element of one float initializer (or Constant node) replaced. */
  function spoiled(built: LineModel, name: string, index: number, bad: number): Model {
    const spoil = <T extends Model['graph']['initializers'][number]>(tensor: T): T => {
      if (tensor.storage.kind !== 'bytes') throw new Error('built models are in memory')
      const bytes = tensor.storage.bytes.slice()
      if (tensor.dtype === 'f16')
        new DataView(bytes.buffer).setUint16(index * 2, Number.isNaN(bad) ? 0x7e00 : 0x7c00, true)
      else new DataView(bytes.buffer).setFloat32(index * 4, bad, true)
      return { ...tensor, storage: { ...tensor.storage, bytes } }
    }
    const { graph } = built.model
    return {
      ...built.model,
      graph: {
        ...graph,
        initializers: graph.initializers.map((tensor) => (tensor.name === name ? spoil(tensor) : tensor)),
        nodes: graph.nodes.map((node) =>
          node.op === 'Constant' && node.outputs[0] === name
            ? {
                ...node,
                attributes: node.attributes.map((one) =>
                  one.kind === 'tensor' ? { ...one, value: spoil(one.value) } : one,
                ),
              }
            : node,
        ),
      },
    }
  }

  function large(): LineModel {
    const built = buildModel({
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
      initializers: [weight('w', [2048, 64], 1)],
      inputs: [value('x', 'f32', [1, 2048])],
      outputs: [value('y', 'f32', [1, 64])],
    })
    return { model: built, feeds: {} }
  }

  const presets = ['int8', 'int8-weights', 'int4-weights', 'int2-weights', 'int4-block32-sym', 'int8-tensor-sym']
  test.each([
    ['NaN in a matrix', matmul(), 'w1', 1234, Number.NaN],
    ['infinity in the first element', matmul(), 'w2', 0, Number.POSITIVE_INFINITY],
    ['minus infinity in the last element', matmul(), 'w1', 64 * 96 - 1, Number.NEGATIVE_INFINITY],
    ['NaN in a table', gather(), 'table', 777, Number.NaN],
    ['NaN in a recurrent weight', lstm(2), 'r', 5000, Number.NaN],
    ['NaN in a Constant node', constantNodes(), 'w2', 4000, Number.NaN],
    // More elements than measurement looks at: the place is that in the tensor, not in the sample.
    ['NaN at the end of a large matrix', large(), 'w', 2048 * 64 - 5, Number.NaN],
    ['infinity in half precision', halfModel(), 'w1', 321, Number.POSITIVE_INFINITY],
  ] as const)('%s', async (_, built, name, index, bad) => {
    writeFileSync(model, await encodeModel(spoiled(built, name, index, bad)))
    for (const to of presets) {
      for (const solver of ['nearest', 'search'] as const) {
        for (const kernels of ['wasm', 'reference'] as const) {
          const error = await failure(output, { to, solver, kernels })
          expect(error, `${to} ${solver} ${kernels}`).toMatchObject({ code: 'E_NONFINITE', where: name })
          expect(error.message).toContain(`${bad} at element ${index};`)
          expect(error.hint).toContain(`--rule '${name}=keep'`)
        }
      }
    }
  })

  test('the rule of the hint gets the rest quantized', async () => {
    writeFileSync(model, await encodeModel(spoiled(matmul(), 'w1', 3, Number.NaN)))
    const { decisions } = await quantize(model, output, { to: 'int8', noVerify: true, rules: ['w1=keep'] })
    expect(decisions.map(({ tensor, action }) => [tensor, action])).toEqual([
      ['w1', 'keep'],
      ['b1', 'keep'],
      ['w2', 'quantize'],
    ])
  })
})

describe('external data', () => {
  const sizes = { layers: 1, width: 32, heads: 2, inner: 64, words: 50 }
  const written = async (): Promise<string> => {
    const files = await withExternalData(transformer(sizes), 'model.onnx')
    for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes)
    return join(folder, 'model.onnx.data')
  }

  test('missing', async () => {
    rmSync(await written())
    expect(await failure()).toMatchObject({ code: 'E_FORMAT', message: expect.stringContaining('model.onnx.data') })
  })

  test('too short', async () => {
    const data = await written()
    writeFileSync(data, readFileSync(data).subarray(0, 5000))
    expect(await failure()).toMatchObject({ code: 'E_FORMAT' })
  })

  test('a link out of the folder', async () => {
    const data = await written()
    const elsewhere = mkdtempSync(join(tmpdir(), 'tersor-else-'))
    writeFileSync(join(elsewhere, 'secret'), readFileSync(data))
    rmSync(data)
    symlinkSync(join(elsewhere, 'secret'), data)
    expect(await failure()).toMatchObject({ code: 'E_FORMAT', message: expect.stringContaining('link') })
    rmSync(elsewhere, { recursive: true })
  })

  test('is not overwritten by the output', async () => {
    const data = await written()
    const before = readFileSync(data)
    expect(await failure(data, { force: true })).toMatchObject({ code: 'E_OUTPUT' })
    expect(readFileSync(data).equals(before)).toBe(true)
  })
})

describe('the output', () => {
  beforeEach(() => writeFileSync(model, DEMO))

  test('is the input, directly, by another spelling or through a link', async () => {
    symlinkSync(model, join(folder, 'link.onnx'))
    for (const same of [model, join(folder, '.', 'x', '..', 'model.onnx'), join(folder, 'link.onnx')]) {
      const error = await failure(same, { force: true })
      expect(error.code).toBe('E_OUTPUT')
      expect(error.message).toContain('is the input')
    }
    expect(readFileSync(model).equals(DEMO)).toBe(true)
  })

  test('exists: refused, and replaced with force', async () => {
    writeFileSync(output, 'precious')
    expect(await failure()).toMatchObject({ code: 'E_OUTPUT', hint: expect.stringContaining('--force') })
    expect(readFileSync(output, 'utf8')).toBe('precious')
    await quantize(model, output, { to: 'int8', noVerify: true, force: true })
    expect(readFileSync(output).length).toBeGreaterThan(10_000)
  })

  test('is a folder', async () => {
    mkdirSync(output)
    expect(await failure(output, { force: true })).toMatchObject({
      code: 'E_OUTPUT',
      message: expect.stringContaining('folder'),
    })
  })

  test('lies in a folder that does not exist', async () => {
    const error = await failure(join(folder, 'none', 'out.onnx'))
    expect(error).toMatchObject({ code: 'E_OUTPUT', hint: expect.stringContaining('create') })
  })

  test('lies below a file', async () => {
    expect(await failure(join(model, 'out.onnx'))).toMatchObject({ code: 'E_OUTPUT' })
  })

  // Root writes everywhere.
  test.runIf(process.getuid !== undefined && process.getuid() !== 0)(
    'lies in a folder without write permission',
    async () => {
      const locked = join(folder, 'locked')
      mkdirSync(locked)
      chmodSync(locked, 0o500)
      expect(await failure(join(locked, 'out.onnx'))).toMatchObject({ code: 'E_OUTPUT' })
      expect(readdirSync(locked)).toEqual([])
    },
  )

  test.runIf(process.platform !== 'win32')('grows beyond what the file system takes: nothing is left', async () => {
    const main = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')
    const words = ['-c', 'ulimit -f 40; exec "$0" "$@"', process.execPath, main, 'quantize', model, '-o', output]
    const failed = await promisify(execFile)('sh', [...words, '--to', 'int8', '--no-verify', '-q']).catch(
      (error) => error,
    )
    expect(failed.code).toBe(2)
    expect(failed.stderr).toMatch(/error\[E_OUTPUT\] .*EFBIG/)
    expect(readdirSync(folder)).toEqual(['model.onnx'])
  })

  test('the default name says what was done', async () => {
    const { output: written } = await quantize(model, undefined, { to: 'int4-weights', noVerify: true })
    expect(written?.path).toBe(join(folder, 'model.int4-weights.onnx'))
    expect(existsSync(join(folder, 'model.int4-weights.onnx'))).toBe(true)
  })
})

describe('stopped by the user', () => {
  beforeEach(() => writeFileSync(model, DEMO))

  test('before it began', async () => {
    const signal = AbortSignal.abort()
    expect(await failure(output, { signal, noVerify: false })).toMatchObject({ code: 'E_ABORTED' })
  })

  test.each(['load', 'inspect', 'measure', 'plan', 'quantize', 'verify'])('in %s', async (phase) => {
    const controller = new AbortController()
    const seen: string[] = []
    const error = await failure(output, {
      to: 'int4-weights',
      signal: controller.signal,
      noVerify: false,
      onEvent: (event) => {
        seen.push(event.phase)
        if (event.phase === phase) controller.abort()
      },
    })
    expect(seen).toContain(phase)
    expect(error).toMatchObject({ code: 'E_ABORTED' })
  })
})

describe('a refused result', () => {
  beforeEach(() => writeFileSync(model, DEMO))
  const strict = { to: 'int4-weights', minCosine: 0.9999999, attempts: 1 }

  test('is not written, and the report names the layers', async () => {
    const report = await quantize(model, output, strict)
    expect(report.verdict).toMatchObject({
      status: 'refused',
      threshold: { metric: 'cosine', value: 0.9999999 },
      because: expect.stringMatching(/output "logits": cosine 0\.\d+ < 0\.9999999 on 8 synthetic samples/),
    })
    expect(report.verdict?.worst.length).toBeGreaterThan(0)
    expect(report.output?.files).toEqual([])
    expect(readdirSync(folder)).toEqual(['model.onnx'])
  })

  test('leaves what was there', async () => {
    writeFileSync(output, 'precious')
    const twice = await quantize(model, output, { ...strict, force: false }).catch((error) => error)
    expect(twice).toMatchObject({ code: 'E_OUTPUT' })
    expect(readFileSync(output, 'utf8')).toBe('precious')
  })

  test('is written with force, and still refused', async () => {
    const report = await quantize(model, output, { ...strict, force: true })
    expect(report.verdict?.status).toBe('refused')
    expect(report.output?.files).toEqual([output])
    expect(readFileSync(output).length).toBe(report.output?.bytes)
  })
})

test('plan refuses the same models', async () => {
  writeFileSync(model, DEMO.subarray(0, 3000))
  await expect(plan(model, { to: 'int8' })).rejects.toMatchObject({ code: 'E_FORMAT' })
})
