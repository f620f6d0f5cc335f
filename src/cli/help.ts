import { VERSION } from '../version.ts'
import { type FlagSpec, flagsOf } from './flags.ts'
import { VERBS, type VerbSpec } from './verbs.ts'

const WIDTH = 100

/** `tersor --help`. */
export function overview(): string {
  const width = Math.max(...VERBS.map(({ verb, positionals }) => [verb, ...positionals].join(' ').length))
  const verbs = VERBS.map(
    ({ verb, positionals, about }) => `  ${[verb, ...positionals].join(' ').padEnd(width)}  ${about}`,
  )
  return `tersor ${VERSION}: quantize ONNX models, and prove on the runtime you ship that the result still works

usage: tersor VERB [ARGUMENTS] [FLAGS]

${verbs.join('\n')}

MODEL is an .onnx file or a folder that holds onnx/model.onnx. Sizes take units (25MB is 10^6, 25MiB is 2^20), shares are 0.98 or 98%.
tersor VERB --help lists the flags of a verb.

example: tersor demo
`
}

/** `tersor VERB --help`. */
export function helpOf(spec: VerbSpec): string {
  const flags = flagsOf(spec.verb)
  const lead = (flag: FlagSpec) => {
    const value = flag.valueFor?.[spec.verb] ?? flag.value
    return `${flag.short === undefined ? '    ' : `-${flag.short}, `}--${flag.name}${value === undefined ? '' : ` ${value}`}`
  }
  const width = Math.max(...flags.map((flag) => lead(flag).length))
  const lines = flags.flatMap((flag) => {
    const [first, ...rest] = wrap(
      `${flag.aboutFor?.[spec.verb] ?? flag.about}${flag.repeatable ? ' (repeatable)' : ''}`,
      WIDTH - width - 4,
    )
    return [`  ${lead(flag).padEnd(width)}  ${first}`, ...rest.map((line) => ' '.repeat(width + 4) + line)]
  })
  const notes = spec.notes === undefined ? '' : `${spec.notes.join('\n')}\n\n`
  return `tersor ${spec.verb}: ${spec.about}

usage: ${['tersor', spec.verb, ...spec.positionals, '[FLAGS]'].join(' ')}

${lines.join('\n')}

${notes}example: ${spec.example}
`
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
