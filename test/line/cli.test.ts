import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LATER_VERBS, VERBS } from '../../src/cli/verbs.ts'
import { EXIT_CODES, TersorError } from '../../src/errors.ts'
import { compareReport, encoderReport, HOSTILE, inspectReport } from '../fixtures/reports.ts'
import { runFake } from './fake-terminal.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tersor-cli-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('calling the line', () => {
  test('flags become options by the same names in camelCase, and nothing else is passed', async () => {
    const { calls, code } = await runFake(
      'quantize m.onnx -o o.onnx --to int8 --rule a=keep --rule b=int8 --max-loss 1% --shard-size 2MB --eval d.npz --labels l.csv --no-color -q'.split(
        ' ',
      ),
    )
    expect(code).toBe(0)
    const { signal, onEvent, ...options } = calls[0]!.options
    expect(calls[0]).toMatchObject({ verb: 'quantize', words: ['m.onnx', 'o.onnx'] })
    expect(options).toEqual({
      to: 'int8',
      rules: ['a=keep', 'b=int8'],
      maxLoss: 0.01,
      shardSize: 2e6,
      eval: 'd.npz',
      labels: 'l.csv',
    })
    expect(signal).toBeInstanceOf(AbortSignal)
    expect(onEvent).toBeTypeOf('function')
  })

  test('hashes are asked for by --json, --manifest and --report only', async () => {
    const hashes = async (...words: string[]) => (await runFake(['quantize', 'm', ...words])).calls[0]!.options.hashes
    expect(await hashes()).toBeUndefined()
    expect(await hashes('--json')).toBe(true)
    expect(await hashes('--manifest', join(folder, 'm.json'))).toBe(true)
    expect(await hashes('--report', join(folder, 'r.html'))).toBe(true)
  })

  test('--dry-run is plan', async () => {
    const { calls, stdout } = await runFake(['quantize', 'm', '--dry-run', '--to', 'int8'])
    expect(calls.map(({ verb }) => verb)).toEqual(['plan'])
    expect(stdout).not.toContain('verdict')
  })

  test('plan -o writes a recipe and passes neither -o nor --force on; quantize --recipe reads it back', async () => {
    const recipe = join(folder, 'recipe.json')
    const planned = await runFake(['plan', 'm', '-o', recipe, '--force'])
    expect(planned.calls[0]!.options.force).toBeUndefined()
    const { calls } = await runFake(['quantize', 'm', '--recipe', recipe])
    expect(calls[0]!.options).toMatchObject({ to: 'int8', target: 'ort', solver: 'search' })
    expect(calls[0]!.options).not.toHaveProperty('recipe')
  })

  test('flags override a recipe, and rules of flags come after its rules', async () => {
    const recipe = join(folder, 'recipe.json')
    writeFileSync(recipe, JSON.stringify({ version: 1, to: 'int8', minCosine: 0.9, rules: ['a=keep'] }))
    const { calls } = await runFake(['quantize', 'm', '--recipe', recipe, '--to', 'int4-weights', '--rule', 'b=keep'])
    expect(calls[0]!.options).toMatchObject({ to: 'int4-weights', minCosine: 0.9, rules: ['a=keep', 'b=keep'] })
  })

  test.each([
    ['not JSON', '{', 'is not JSON'],
    ['another version', '{"version":2}', 'at "version"'],
    ['an unknown key', '{"version":1,"tarket":"ort"}', 'did you mean "target"?'],
    ['a wrong type', '{"version":1,"rules":"a=keep"}', 'at "rules"'],
    ['no object', '[]', 'E_USAGE'],
  ])('a recipe that is %s is a usage error', async (_, text, message) => {
    const recipe = join(folder, 'recipe.json')
    writeFileSync(recipe, text)
    const { code, stderr, calls } = await runFake(['plan', 'm', '--recipe', recipe])
    expect({ code, calls }).toEqual({ code: 2, calls: [] })
    expect(stderr).toContain(message)
  })
})

describe('output', () => {
  test.each([
    ['inspect', ['inspect', 'm'], inspectReport],
    ['quantize', ['quantize', 'm'], encoderReport],
    ['compare', ['compare', 'a', 'b'], { ...compareReport, thresholds: [] }],
  ] as const)('%s --json is one object on stdout and nothing else there', async (_, words, report) => {
    const { stdout, stderr, code } = await runFake([...words, '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(report)))
    expect(stderr).toBe('')
  })

  test('--report and --manifest are written whole, and nothing else appears', async () => {
    const { stdout } = await runFake([
      'quantize',
      'm',
      '--report',
      join(folder, 'r.html'),
      '--manifest',
      join(folder, 'm.json'),
    ])
    expect(readdirSync(folder).sort()).toEqual(['m.json', 'r.html'])
    expect(JSON.parse(readFileSync(join(folder, 'm.json'), 'utf8'))).toEqual(encoderReport)
    expect(readFileSync(join(folder, 'r.html'), 'utf8')).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/)
    expect(stdout).toContain(`report    ${join(folder, 'r.html')}`)
  })

  test('an existing report stops the run before any work, --force replaces it', async () => {
    const path = join(folder, 'r.html')
    writeFileSync(path, 'mine')
    const refused = await runFake(['quantize', 'm', '--report', path])
    expect(refused).toMatchObject({ code: 2, calls: [] })
    expect(refused.stderr).toMatch(/^error\[E_OUTPUT\] .*exists\n {2}where .*\n {2}hint {2}add --force/)
    expect(readFileSync(path, 'utf8')).toBe('mine')
    expect((await runFake(['quantize', 'm', '--report', path, '--force'])).code).toBe(0)
    expect(readFileSync(path, 'utf8')).toContain('<!doctype html>')
  })

  test('colours follow the terminal, NO_COLOR, FORCE_COLOR and the flag', async () => {
    const painted = async (words: string[], world: object) =>
      (await runFake(['inspect', 'm', ...words], world)).stdout.includes('\u001b[')
    expect(await painted([], { tty: true })).toBe(true)
    expect(await painted([], {})).toBe(false)
    expect(await painted(['--no-color'], { tty: true })).toBe(false)
    expect(await painted([], { tty: true, env: { NO_COLOR: '1' } })).toBe(false)
    expect(await painted([], { env: { FORCE_COLOR: '1' } })).toBe(true)
  })
})

describe('progress', () => {
  const line = {
    inspect: async (
      _: string,
      options: { onEvent?: (event: { phase: string; done: number; total: number; note?: string }) => void },
    ) => {
      for (let done = 0; done <= 4; done++) options.onEvent?.({ phase: 'read', done, total: 4, note: HOSTILE })
      options.onEvent?.({ phase: 'decide', done: 1, total: 1 })
      return inspectReport
    },
  }

  test('plain lines, one a phase, when nobody looks', async () => {
    const { stderr } = await runFake(['inspect', 'm'], { line })
    expect(stderr.split('\n')).toEqual([
      expect.stringMatching(/^read {8}4 of 4 {2}[\d.]+ m?s {2}64\.0 MB$/),
      expect.stringMatching(/^decide {6}/),
      '',
    ])
  })

  test('one redrawn line a phase on a terminal, with an estimate, never wider than it', async () => {
    const { stderr } = await runFake(['inspect', 'm'], { line, tty: true })
    expect(stderr.match(/\n/g)).toHaveLength(2)
    expect(stderr).toContain('left')
    for (const drawn of stderr.split(/\r\u001b\[2K|\n/)) {
      expect(drawn.length).toBeLessThan(100)
      expect(drawn).not.toMatch(/[\u0000-\u001f]/)
    }
  })

  test('nothing with -q', async () => {
    expect((await runFake(['inspect', 'm', '-q'], { line, tty: true })).stderr).toBe('')
  })
})

describe('exit codes', () => {
  test.each(Object.entries(EXIT_CODES))('%s is %d', async (code, exit) => {
    const inspect = async () => {
      throw new TersorError(code as keyof typeof EXIT_CODES, 'expected a model, found a shoe', {
        where: 'm:3',
        hint: 'wear it',
      })
    }
    const { code: found, stderr, stdout } = await runFake(['inspect', 'm', '--json'], { line: { inspect } })
    expect(found).toBe(exit)
    expect(stderr).toBe(`error[${code}] expected a model, found a shoe\n  where m:3\n  hint  wear it\n`)
    expect(JSON.parse(stdout)).toEqual({
      error: { code, message: 'expected a model, found a shoe', where: 'm:3', hint: 'wear it' },
    })
  })

  test('a refused verdict is 5, also when the file was forced', async () => {
    const quantize = async () => ({
      ...encoderReport,
      verdict: { ...encoderReport.verdict!, status: 'refused' as const },
    })
    expect((await runFake(['quantize', 'm', '--force'], { line: { quantize } })).code).toBe(5)
  })

  test('an unproven one is 0', async () => {
    const quantize = async () => ({
      ...encoderReport,
      verdict: { ...encoderReport.verdict!, status: 'unproven' as const },
    })
    expect((await runFake(['quantize', 'm', '--no-verify'], { line: { quantize } })).code).toBe(0)
  })

  test('compare below a threshold that was given is 5', async () => {
    expect(
      (await runFake(['compare', 'a', 'b', '--min-cosine', '0.99'], { line: { compare: async () => compareReport } }))
        .code,
    ).toBe(5)
  })

  test('our bug is 1, with a hint that needs no weights, and a stack with -v', async () => {
    const inspect = async () => {
      throw new RangeError('offset out of range')
    }
    const { code, stderr } = await runFake(['inspect', 'm'], { line: { inspect } })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error\[E_INTERNAL\] offset out of range\n {2}hint .*no weights/)
    expect((await runFake(['inspect', 'm', '-v'], { line: { inspect } })).stderr).toMatch(/\n {2}at /)
  })

  test('what the system says becomes our codes', async () => {
    const failing = (code: string) => ({
      inspect: async () => Promise.reject(Object.assign(new Error(`${code}: no`), { code })),
    })
    expect((await runFake(['inspect', 'm'], { line: failing('ENOENT') })).code).toBe(3)
    expect((await runFake(['inspect', 'm'], { line: failing('ENOSPC') })).code).toBe(2)
  })

  test('a hostile message stays on its line', async () => {
    const inspect = async () => Promise.reject(new TersorError('E_FORMAT', HOSTILE))
    const { stderr } = await runFake(['inspect', 'm'], { line: { inspect } })
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(stderr).not.toMatch(/\u001b|\r/)
  })

  test('Ctrl-C aborts the signal and ends with 130, whatever then breaks', async () => {
    let stop: () => void = () => {}
    const inspect = (_: string, { signal }: { signal?: AbortSignal }) =>
      new Promise<never>((_resolve, reject) => {
        signal!.addEventListener('abort', () => reject(new Error('worker was terminated')))
        stop()
      })
    const { code, stderr } = await runFake(['inspect', 'm'], { line: { inspect }, onStop: (given) => (stop = given) })
    expect(code).toBe(130)
    expect(stderr).toBe('error[E_ABORTED] stopped by the user\n')
  })
})

test('work that ends without a result is our bug, or the stop that was asked for', async () => {
  const never = (act: () => void) => ({ inspect: () => new Promise<never>(() => act()) })
  let idle: () => void = () => {}
  let stop: () => void = () => {}
  const world = { onIdle: (given: () => void) => (idle = given), onStop: (given: () => void) => (stop = given) }
  expect(await runFake(['inspect', 'm'], { ...world, line: never(() => idle()) })).toMatchObject({ code: 1 })
  const both = () => {
    stop()
    idle()
  }
  expect(await runFake(['inspect', 'm'], { ...world, line: never(both) })).toMatchObject({ code: 130 })
})

describe('usage', () => {
  test.each([
    ['inpsect', 'did you mean "inspect"?'],
    ['--to', 'see tersor --help'],
    ['zzzzzzzzz', 'see tersor --help'],
  ])('"%s" is no verb', async (word, hint) => {
    const { code, stderr, calls } = await runFake([word, 'm'])
    expect({ code, calls }).toEqual({ code: 2, calls: [] })
    expect(stderr).toContain(`hint  ${hint}`)
  })

  test('a file instead of a verb gets the verb', async () => {
    const path = join(folder, 'x')
    writeFileSync(path, '')
    expect((await runFake([path])).stderr).toContain(`tersor inspect ${path}`)
  })

  test.each(LATER_VERBS)('%s is named as later, and not listed', async (verb) => {
    const { code, stderr } = await runFake([verb, 'm'])
    expect(code).toBe(4)
    expect(stderr).toContain('not in this version')
    expect((await runFake(['--help'])).stdout).not.toMatch(new RegExp(`^ {2}${verb}\\b`, 'm'))
  })

  test.each([
    ['quantize m --no-verify --eval d', '--no-verify and --eval'],
    ['quantize m --no-verify --min-cosine 0.9', '--no-verify and --min-cosine'],
    ['quantize m --dry-run --eval d', '--dry-run and --eval'],
    ['quantize m -q -v', '--quiet and --verbose'],
    ['quantize m --labels l.csv', '--labels needs the data'],
    ['quantize m -o m', 'is also the input'],
    ['quantize m -o x --report ./x', 'is also --output'],
    ['compare a b --report b', 'is also the input'],
  ])('"%s" contradicts itself', async (words, message) => {
    const { code, stderr, calls } = await runFake(words.split(' '))
    expect({ code, calls }).toEqual({ code: 2, calls: [] })
    expect(stderr).toContain(message)
  })

  test('help: every verb lists its flags and one example, and no flag of a later version', async () => {
    for (const { verb, example } of VERBS) {
      const { stdout, code } = await runFake([verb, '--help'])
      expect(code).toBe(0)
      expect(stdout.trimEnd().endsWith(`example: ${example}`)).toBe(true)
      expect(stdout).not.toMatch(/--(fix|junit|markdown)\b/)
      expect(stdout.split('\n').every((line) => line.length <= 110)).toBe(true)
      expect((await runFake(['help', verb])).stdout).toBe(stdout)
    }
    expect((await runFake(['quantize', 'm', '--json', '-h'])).stdout).toContain('usage: tersor quantize MODEL')
  })
})
