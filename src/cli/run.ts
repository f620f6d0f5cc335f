import { existsSync } from 'node:fs'
import { TersorError } from '../errors.ts'
import { didYouMean } from '../near-names.ts'
import { toJson } from '../report/to-json.ts'
import type { Command } from './command.ts'
import { quantize } from './commands/quantize.ts'
import { asFailure, exitCodeOf, failureJson, failureText } from './failure.ts'
import { helpOf, overview } from './help.ts'
import type { LoadLine } from './line.ts'
import { checkTogether } from './options.ts'
import { type Parsed, parse } from './parse.ts'
import { type Progress, startProgress } from './progress.ts'
import { type Terminal, wantsColor } from './terminal.ts'
import { LATER_VERBS, VERBS, type Verb, type VerbSpec } from './verbs.ts'

const COMMANDS: Readonly<Record<Verb, () => Promise<Command>>> = {
  inspect: async () => (await import('./commands/inspect.ts')).inspect,
  quantize: async () => quantize,
  plan: async () => (await import('./commands/plan.ts')).plan,
  search: async () => (await import('./commands/search.ts')).search,
  compare: async () => (await import('./commands/compare.ts')).compare,
  variants: async () => (await import('./commands/variants.ts')).variants,
  dequantize: async () => (await import('./commands/dequantize.ts')).dequantize,
  explain: async () => (await import('./commands/explain.ts')).explain,
  demo: async () => (await import('./commands/demo.ts')).demo,
}

/** One run of the command line; gives the exit code and never throws. */
export async function run(words: readonly string[], terminal: Terminal, loadLine: LoadLine): Promise<number> {
  // Known before parsing, so that usage errors keep the same manners.
  const ahead = words.includes('--') ? words.slice(0, words.indexOf('--')) : words
  const json = ahead.includes('--json')
  const verbose = ahead.includes('--verbose') || ahead.includes('-v')
  const stop = new AbortController()
  const stopListening = terminal.onStop(() => stop.abort(new TersorError('E_ABORTED', 'stopped by the user')))
  // A worker that dies with an answer owed would end the process in the middle of a sentence.
  let stopWatching = () => {}
  const abandoned = new Promise<never>((_, reject) => {
    stopWatching = terminal.onIdle(() => reject(new Error('the work ended without a result')))
  })
  let progress: Progress | undefined
  try {
    const help = helpAsked(ahead)
    if (help !== undefined) {
      terminal.stdout.write(help)
      return 0
    }
    const spec = verbNamed(words[0]!)
    const parsed = parse(spec, words.slice(1))
    checkTogether(parsed, spec.verb)
    progress = startProgress(terminal, parsed.values.has('quiet'))
    const command = await COMMANDS[spec.verb]()
    const context = { parsed, loadLine, progress, signal: stop.signal, text: textOptions(parsed, terminal) }
    const outcome = await Promise.race([command(context), abandoned])
    progress.end()
    terminal.stdout.write(json ? toJson(outcome.json) : outcome.text)
    return outcome.exitCode
  } catch (thrown) {
    progress?.end()
    const failure = asFailure(thrown, stop.signal.aborted)
    terminal.stderr.write(failureText(failure, verbose))
    if (json) terminal.stdout.write(toJson(failureJson(failure)))
    return exitCodeOf(failure)
  } finally {
    stopListening()
    stopWatching()
  }
}

function helpAsked(words: readonly string[]): string | undefined {
  if (words[0] === 'help') return words[1] === undefined ? overview() : helpOf(verbNamed(words[1]))
  if (!words.includes('--help') && !words.includes('-h')) return undefined
  return words[0]!.startsWith('-') ? overview() : helpOf(verbNamed(words[0]!))
}

function verbNamed(word: string): VerbSpec {
  const spec = VERBS.find(({ verb }) => verb === word)
  if (spec !== undefined) return spec
  const shown = word.slice(0, 200)
  if (LATER_VERBS.includes(word)) {
    throw new TersorError('E_UNSUPPORTED', `the verb "${word}" is not in this version`, {
      where: word,
      hint: `there are ${VERBS.map(({ verb }) => verb).join(', ')}`,
    })
  }
  if (word.startsWith('-')) {
    throw new TersorError('E_USAGE', `expected a verb first, found the flag "${shown}"`, {
      where: shown,
      hint: 'see tersor --help',
    })
  }
  const near = didYouMean(
    word,
    VERBS.map(({ verb }) => verb),
  )
  const hint = near ?? (existsSync(word) ? `say what to do with it: tersor inspect ${shown}` : 'see tersor --help')
  throw new TersorError('E_USAGE', `unknown verb "${shown}"`, { where: shown, hint })
}

const textOptions = (parsed: Parsed, { stdout, env }: Terminal) => ({
  color: wantsColor(stdout, env, parsed.values.has('no-color')),
  verbose: parsed.values.has('verbose'),
})
