import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeNpz } from '../../src/calibration/index.ts'
import type { Report } from '../../src/model/report.ts'
import { type FileOptions, quantize } from '../../src/pipeline/quantize-file.node.ts'
import { encodeModel } from '../fixtures/build.ts'
import { transformer } from '../fixtures/transformer.ts'

const ENTRY = join(import.meta.dirname, '..', '..', 'dist', 'node.js')
const [SAMPLES, LENGTH, WORDS] = [24, 12, 64]

let home = ''
let options: FileOptions
let report: Report
let expected: Buffer
const path = (name: string): string => join(home, name)

beforeAll(async () => {
  if (!existsSync(ENTRY)) throw new Error('dist/ is missing: run npm run build')
  home = mkdtempSync(join(tmpdir(), 'tersor-blocks-'))
  const model = transformer({
    layers: 3,
    width: 32,
    heads: 4,
    inner: 64,
    words: WORDS,
    activations: ['Relu', 'Selu'],
  })
  writeFileSync(path('model.onnx'), await encodeModel(model))
  const ids = BigInt64Array.from({ length: SAMPLES * LENGTH }, (_, i) => BigInt((i * i * 5 + i) % WORDS))
  const shape = [SAMPLES, LENGTH]
  const data = new Uint8Array(ids.buffer)
  writeFileSync(path('calib.npz'), writeNpz(new Map([['ids', { dtype: 'i64', shape, data }]])))
  options = { to: 'int2-weights', calib: path('calib.npz'), noVerify: true, everything: true, threads: 1 }
  report = await quantize(path('model.onnx'), path('whole.onnx'), options)
  expected = readFileSync(path('whole.onnx'))
}, 240_000)
afterAll(() => rmSync(home, { recursive: true, force: true }))

test('an operator without a derivative keeps its own block from learning, and no other', () => {
  expect(report.warnings.join('\n')).toMatch(/no derivative of Selu is known: learned block by block/)
  const solvers = new Map(report.decisions.map(({ tensor, solver }) => [tensor, solver]))
  for (const name of ['up', 'down']) expect(solvers.get(`layer.1.${name}.weight`)).toBe('gptq')
  const learned = report.decisions.filter(({ solver }) => solver === 'learned')
  expect(learned.length).toBeGreaterThan(5)
  for (const { because } of learned) {
    const [, before, after] =
      /learned with its block \(\d of 3\) .*distance ([\d.e-]+) to ([\d.e-]+)/.exec(because.text) ?? []
    expect(Number(after)).toBeLessThan(Number(before))
  }
})

test('the same bytes on two threads', async () => {
  await quantize(path('model.onnx'), path('two.onnx'), { ...options, threads: 2 })
  expect(readFileSync(path('two.onnx')).equals(expected)).toBe(true)
})

test('kill -9 in the second block that learns: the next run goes on there', async () => {
  const folder = mkdtempSync(join(home, 'run-'))
  const out = join(folder, 'out.onnx')
  const script = `
    import { quantize } from ${JSON.stringify(pathToFileURL(ENTRY).href)}
    await quantize(${JSON.stringify(path('model.onnx'))}, ${JSON.stringify(out)}, {
      ...${JSON.stringify(options)},
      onEvent: ({ phase, note, done }) => {
        if (phase === 'learn' && note.startsWith('block 3') && done === 2) process.kill(process.pid, 'SIGKILL')
      },
    })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' })
  expect(await new Promise((settle) => child.on('close', (_, signal) => settle(signal)))).toBe('SIGKILL')
  expect(readdirSync(folder)).toEqual(['.out.onnx.tersor-work'])
  const blocks = new Set<string>()
  const onEvent: FileOptions['onEvent'] = ({ phase, note }) => {
    if (phase === 'learn' && note) blocks.add(note.slice(0, 12))
  }
  await quantize(path('model.onnx'), out, { ...options, onEvent })
  expect([...blocks]).toEqual(['block 3 of 3'])
  expect(readFileSync(out).equals(expected)).toBe(true)
})
