import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { writeNpz } from '../../src/calibration/index.ts'
import { type FileOptions, quantize } from '../../src/pipeline/quantize-file.node.ts'
import { encodeModel } from '../fixtures/build.ts'
import { transformer } from '../fixtures/transformer.ts'

const ENTRY = join(import.meta.dirname, '..', '..', 'dist', 'node.js')
const WORK = '.out.onnx.tersor-work'
const [SAMPLES, LENGTH, WORDS] = [16, 12, 64]

let home = ''
let folder = ''
let options: FileOptions
let expected: Buffer
const path = (name: string): string => join(home, name)
const out = (): string => join(folder, 'out.onnx')

beforeAll(async () => {
  if (!existsSync(ENTRY)) throw new Error('dist/ is missing: run npm run build')
  home = mkdtempSync(join(tmpdir(), 'tersor-resume-'))
  writeFileSync(
    path('model.onnx'),
    await encodeModel(transformer({ layers: 2, width: 32, heads: 4, inner: 64, words: WORDS })),
  )
  for (const [name, by] of [
    ['calib.npz', 5],
    ['other.npz', 7],
  ] as const)
    writeFileSync(path(name), ids(by))
  options = {
    to: 'int4-weights',
    solver: 'gptq',
    calib: path('calib.npz'),
    noVerify: true,
    everything: true,
    threads: 1,
  }
  await quantize(path('model.onnx'), path('whole.onnx'), options)
  expected = readFileSync(path('whole.onnx'))
})
afterAll(() => rmSync(home, { recursive: true, force: true }))
beforeEach(() => {
  folder = mkdtempSync(join(home, 'run-'))
})

function ids(by: number): Uint8Array {
  const values = BigInt64Array.from({ length: SAMPLES * LENGTH }, (_, i) => BigInt((i * i * by + i) % WORDS))
  const data = new Uint8Array(values.buffer)
  return writeNpz(new Map([['ids', { dtype: 'i64', shape: [SAMPLES, LENGTH], data }]]))
}

/** A process that kills itself, without a chance to clean up, when it comes to group `done`. */
async function killedAt(phase: string, done: number): Promise<string | null> {
  const script = `
    import { quantize } from ${JSON.stringify(pathToFileURL(ENTRY).href)}
    await quantize(${JSON.stringify(path('model.onnx'))}, ${JSON.stringify(out())}, {
      ...${JSON.stringify(options)},
      onEvent: (event) => {
        if (event.phase === ${JSON.stringify(phase)} && event.done === ${done}) process.kill(process.pid, 'SIGKILL')
      },
    })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' })
  return new Promise((settle) => child.on('close', (_, signal) => settle(signal)))
}

test('kill -9 between layers: the next run goes on there, and writes the bytes of a run in one piece', async () => {
  expect(await killedAt('fit', 5)).toBe('SIGKILL')
  expect(readdirSync(folder)).toEqual([WORK])
  const solved: string[] = []
  const onEvent: FileOptions['onEvent'] = ({ phase, note }) => {
    if (phase === 'fit' && note) solved.push(note)
  }
  const report = await quantize(path('model.onnx'), out(), { ...options, threads: 2, onEvent })
  // q, k and v of the first layer are one group; then o, up, down, and the second q, k and v.
  expect(report.warnings.join()).toMatch(/went on from .*: 9 weights were done by an earlier run/)
  expect(solved).toContain('head.weight')
  expect(readFileSync(out()).equals(expected)).toBe(true)
  expect(readdirSync(folder)).toEqual(['out.onnx'])
  expect(report.decisions.filter(({ solver }) => solver === 'gptq')).toHaveLength(13)
})

test('stopped: says what is kept and where, and how to go on', async () => {
  const stop = new AbortController()
  const onEvent: FileOptions['onEvent'] = ({ phase, done }) => {
    if (phase === 'fit' && done === 2) stop.abort()
  }
  const run = quantize(path('model.onnx'), out(), { ...options, signal: stop.signal, onEvent })
  await expect(run).rejects.toMatchObject({
    code: 'E_ABORTED',
    hint: expect.stringMatching(/codes of 4 weights are kept in .*tersor-work: the same command goes on/),
  })
  expect(readdirSync(folder)).toEqual([WORK])
  const report = await quantize(path('model.onnx'), out(), options)
  expect(report.warnings.join()).toMatch(/4 weights were done/)
  expect(readFileSync(out()).equals(expected)).toBe(true)
})

test('everything was found when it ended: nothing is run again', async () => {
  expect(await killedAt('quantize', 1)).toBe('SIGKILL')
  const report = await quantize(path('model.onnx'), out(), options)
  expect(report.warnings.join()).toMatch(/13 weights were done/)
  expect(readFileSync(out()).equals(expected)).toBe(true)
})

test('a damaged file is found, and what it lost is found again', async () => {
  await killedAt('fit', 5)
  const bytes = readFileSync(join(folder, WORK))
  const at = Math.floor(bytes.length / 2)
  bytes[at] = (bytes[at] as number) ^ 4
  writeFileSync(join(folder, WORK), bytes)
  const report = await quantize(path('model.onnx'), out(), options)
  expect(report.warnings.join()).toMatch(/is damaged behind its first \d weights/)
  expect(readFileSync(out()).equals(expected)).toBe(true)
})

test.each([
  [
    'other data: started over, and said',
    { calib: 'other.npz' },
    /of another model, other data or other options: started over/,
  ],
  ['another scheme: nothing is taken from there', { to: 'int4-channel-sym' }, /^(?!.*went on from)/],
] as const)('%s', async (_, change, says) => {
  await killedAt('fit', 5)
  const changed = { ...options, ...change, ...('calib' in change ? { calib: path(change.calib) } : {}) }
  const report = await quantize(path('model.onnx'), out(), changed)
  expect(report.warnings.join()).toMatch(says)
  await quantize(path('model.onnx'), path('again.onnx'), { ...changed, force: true })
  expect(readFileSync(out()).equals(readFileSync(path('again.onnx')))).toBe(true)
})

test('a result that cannot be written is refused before anything is found', async () => {
  writeFileSync(out(), 'precious')
  const phases = new Set<string>()
  const onEvent: FileOptions['onEvent'] = ({ phase, total }) => {
    if (total > 1) phases.add(phase)
  }
  const run = quantize(path('model.onnx'), out(), { ...options, onEvent })
  await expect(run).rejects.toMatchObject({ code: 'E_OUTPUT' })
  expect([...phases]).not.toContain('fit')
  expect(readdirSync(folder)).toEqual(['out.onnx'])
})

test('a refused result keeps what was found and learned: --force looks for none of it again', async () => {
  const { solver: _solver, noVerify: _noVerify, ...rest } = options
  const asked: FileOptions = { ...rest, to: 'int2-weights', attempts: 1, minCosine: 0.9999999 }
  const seen = new Map<string, number>()
  const onEvent: FileOptions['onEvent'] = ({ phase, done }) => {
    seen.set(phase, Math.max(seen.get(phase) ?? 0, done))
  }
  const refused = await quantize(path('model.onnx'), out(), { ...asked, onEvent })
  expect(refused.verdict?.status).toBe('refused')
  expect(refused.warnings.join()).toMatch(/are kept in .*tersor-work: the same command with --force/)
  expect(readdirSync(folder)).toEqual([WORK])
  expect(seen.get('learn')).toBeGreaterThan(3)
  seen.clear()
  const forced = await quantize(path('model.onnx'), out(), { ...asked, force: true, onEvent })
  expect(seen.get('learn')).toBeUndefined()
  expect(readdirSync(folder)).toEqual(['out.onnx'])
  expect(forced.decisions.map(({ because }) => because.text)).toEqual(
    refused.decisions.map(({ because }) => because.text),
  )
})
