import { spawn } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { quantize } from '../../src/pipeline/quantize-file.node.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const ENTRY = join(ROOT, 'dist', 'node.js')

let folder = ''
let model = ''
beforeAll(() => {
  if (!existsSync(ENTRY)) throw new Error('dist/ is missing: run npm run build')
})
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tersor-killed-'))
  model = join(folder, 'model.onnx')
  copyFileSync(join(ROOT, 'demo', 'model.onnx'), model)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A process that quantizes and kills itself, without a chance to clean up, at the first event that fits. */
async function killedAt(phase: string, note: string): Promise<{ pid: number; signal: string | null }> {
  const script = `
    import { quantize } from ${JSON.stringify(pathToFileURL(ENTRY).href)}
    await quantize(${JSON.stringify(model)}, ${JSON.stringify(join(folder, 'out.onnx'))}, {
      to: 'int8',
      onEvent: (event) => {
        if (event.phase === ${JSON.stringify(phase)} && (event.note ?? '').includes(${JSON.stringify(note)}))
          process.kill(process.pid, 'SIGKILL')
      },
    })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' })
  const signal = await new Promise<string | null>((done) => child.on('close', (_, name) => done(name)))
  return { pid: child.pid as number, signal }
}

const staged = (): string[] => readdirSync(folder).filter((name) => name.startsWith('.'))

test.each([
  ['half of the weights are written', 'quantize', 'head'],
  ['the float model runs', 'verify', 'float'],
  ['the result is judged', 'verify', 'reference'],
  ['it is about to be moved', 'publish', ''],
])('kill -9 when %s: only a staged folder stays, and the next run removes it', async (_, phase, note) => {
  const before = readFileSync(model)
  const { pid, signal } = await killedAt(phase, note)
  expect(signal).toBe('SIGKILL')
  expect(readFileSync(model).equals(before)).toBe(true)
  expect(readdirSync(folder).filter((name) => !name.startsWith('.'))).toEqual(['model.onnx'])
  expect(staged()).toEqual([expect.stringMatching(new RegExp(`^\\.out\\.onnx\\.tersor-${pid}-\\d+$`))])

  const { output } = await quantize(model, join(folder, 'out.onnx'), { to: 'int8', noVerify: true })
  expect(readdirSync(folder).sort()).toEqual(['model.onnx', 'out.onnx'])
  expect(statSync(join(folder, 'out.onnx')).size).toBe(output?.bytes)
})

test('what belongs to others stays: living processes, other outputs, other names', async () => {
  const mine = `.out.onnx.tersor-${process.pid}-99`
  const living = `.out.onnx.tersor-${process.ppid}-1`
  const others = ['.other.onnx.tersor-999999999-1', '.out.onnx.tersor-', '.out.onnx.tersor-x-1', '.out.onnx.backup']
  for (const name of [mine, living, ...others]) {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'model.onnx'), 'precious')
  }
  mkdirSync(join(folder, '.out.onnx.tersor-999999999-1'))
  await quantize(model, join(folder, 'out.onnx'), { to: 'int8', noVerify: true })
  expect(staged().sort()).toEqual([mine, living, ...others].sort())
})
