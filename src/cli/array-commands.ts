import { TersorError } from '../errors.ts'
import { arraysToTerminal } from '../report/arrays-to-terminal.ts'
import { toJson } from '../report/to-json.ts'
import type { CommandContext, Outcome } from './command.ts'
import type { ArrayOptions } from './line.ts'
import { lineOptions, textOf } from './options.ts'
import type { Parsed } from './parse.ts'
import { writeText } from './write-text.ts'

/** Flags that mean something for arrays; every other one is refused there. */
const OF_ARRAYS = new Set([
  'output',
  'to',
  'solver',
  'effort',
  'force',
  'manifest',
  'json',
  'quiet',
  'verbose',
  'no-color',
])
/** Flags that mean something for arrays only. */
const ARRAYS_ONLY = ['budget', 'importance', 'recall', 'rescore', 'candidates']

const HOLDS: Readonly<Record<string, string>> = { npy: 'is an .npy', npz: 'is an .npz', picture: 'is a picture' }

export async function quantizeArrays(
  { parsed, loadLine, progress, signal, text }: CommandContext,
  kind: string,
): Promise<Outcome> {
  requireArrayFlags(parsed, kind)
  const line = await loadLine()
  const report = await line.quantizeArrays(parsed.positionals[0]!, textOf(parsed, 'output'), {
    ...(lineOptions(parsed) as ArrayOptions),
    signal,
    onEvent: progress.event,
  })
  return finished(report, parsed, text)
}

export async function dequantizeArrays({ parsed, loadLine, progress, signal, text }: CommandContext): Promise<Outcome> {
  requireArrayFlags(parsed, 'quantized array')
  const line = await loadLine()
  const report = await line.dequantizeArrays(parsed.positionals[0]!, textOf(parsed, 'output'), {
    ...(lineOptions(parsed) as ArrayOptions),
    signal,
    onEvent: progress.event,
  })
  return finished(report, parsed, text)
}

/** Throws E_USAGE for flags that say nothing about a model. */
export function requireModelFlags(parsed: Parsed): void {
  const found = ARRAYS_ONLY.find((name) => parsed.values.has(name))
  if (found !== undefined) {
    throw new TersorError('E_USAGE', `--${found} is for arrays (.npy, .npz, pictures), not for models`, {
      where: `--${found}`,
    })
  }
  if (textOf(parsed, 'solver') === 'products') {
    throw new TersorError('E_USAGE', '--solver products is for arrays (.npy, .npz, pictures), not for models', {
      where: '--solver',
      hint: 'models know nearest and search',
    })
  }
}

function requireArrayFlags(parsed: Parsed, kind: string): void {
  for (const name of parsed.values.keys()) {
    if (OF_ARRAYS.has(name) || ARRAYS_ONLY.includes(name)) continue
    throw new TersorError('E_USAGE', `--${name} is for models; the input ${HOLDS[kind] ?? 'holds arrays'}`, {
      where: `--${name}`,
      hint: 'leave it out',
    })
  }
}

async function finished(
  report: Awaited<ReturnType<Awaited<ReturnType<CommandContext['loadLine']>>['quantizeArrays']>>,
  parsed: Parsed,
  text: CommandContext['text'],
): Promise<Outcome> {
  const manifest = textOf(parsed, 'manifest')
  if (manifest !== undefined) await writeText(manifest, toJson(report))
  const written = manifest === undefined ? '' : `manifest  ${manifest}\n`
  return { json: report, text: arraysToTerminal(report, text) + written, exitCode: 0 }
}
