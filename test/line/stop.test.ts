import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { buildModel, graph, i64, node, value } from '../fixtures/build.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { weight } from '../fixtures/line-models.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')
const folder = lineFolder()

/** A model whose one run takes long in native code, whatever its weights: a loop of small steps. */
const slowToRun = (trips: number) => {
  const body = graph({
    name: 'body',
    inputs: [value('i', 'i64', []), value('going', 'bool', []), value('state', 'f32', [3, 48])],
    nodes: [
      node('MatMul', ['state', 'inner'], ['product'], {}, { name: 'step' }),
      node('Tanh', ['product'], ['next']),
      node('Identity', ['going'], ['still']),
    ],
    initializers: [weight('inner', [48, 48], 1)],
    outputs: [value('still', 'bool', []), value('next', 'f32', [3, 48])],
  })
  return buildModel({
    nodes: [
      node('Loop', ['trips', '', 'x'], ['last'], { body }),
      node('MatMul', ['last', 'w'], ['y'], {}, { name: 'head' }),
    ],
    initializers: [i64('trips', [], [trips]), weight('w', [48, 32], 2)],
    inputs: [value('x', 'f32', [3, 48])],
    outputs: [value('y', 'f32', [3, 32])],
  })
}

/** Enough weights for worker threads and for a moment of work. */
const slowToQuantize = () =>
  buildModel({
    nodes: [node('MatMul', ['x', 'w'], ['y'], {}, { name: 'wide' })],
    initializers: [weight('w', [2048, 8192], 1)],
    inputs: [value('x', 'f32', [1, 2048])],
    outputs: [value('y', 'f32', [1, 8192])],
  })

beforeAll(async () => {
  if (!existsSync(MAIN)) throw new Error('dist/ is missing: run npm run build')
  await folder.write('run.onnx', slowToRun(200_000))
  await folder.write('weights.onnx', slowToQuantize())
})

interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stderr: string
}

/** Interrupts the command as soon as the line of `phase` is complete, which is when the next phase begins. */
function interruptedAfter(phase: string, ...words: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...words], { stdio: ['ignore', 'ignore', 'pipe'] })
  return new Promise((resolve) => {
    let stderr = ''
    let asked = false
    child.stderr.on('data', (chunk) => {
      stderr += chunk
      if (asked || !new RegExp(`^${phase} `, 'm').test(stderr)) return
      asked = true
      child.kill('SIGINT')
    })
    child.on('close', (code, signal) => resolve({ code, signal, stderr }))
  })
}

describe('Ctrl-C ends with 130 and leaves nothing', () => {
  test.each([
    ['while weights are quantized', 'lower', 'quantize', ['weights.onnx', '--to', 'int4-weights']],
    ['while the proof runs', 'quantize', 'verify', ['run.onnx', '--to', 'int4-weights']],
    [
      'while the proof looks for the layers that carry the error',
      'verify',
      'sensitivity',
      ['run.onnx', '--to', 'int4-weights', '--samples', '1', '--min-cosine', '1'],
    ],
  ])('%s', async (_, before, during, [model, ...flags]) => {
    const out = join(folder.path, 'out.onnx')
    const ended = await interruptedAfter(before, 'quantize', join(folder.path, model!), ...flags, '-o', out)
    expect(ended).toMatchObject({ code: 130, signal: null })
    const lines = ended.stderr.trimEnd().split('\n')
    expect(lines.at(-1)).toBe('error[E_ABORTED] stopped by the user')
    expect(lines.at(-2)?.split(' ')[0]).toBe(during)
    expect(readdirSync(folder.path).sort()).toEqual(['run.onnx', 'weights.onnx'])
  })
})
