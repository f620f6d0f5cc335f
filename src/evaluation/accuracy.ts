import { TersorError } from '../errors.ts'
import type { Feeds, Sample, Value } from '../model/runtime.ts'
import { isFloat } from '../numbers/dtype.ts'
import { numbersOf } from './elements.ts'
import type { Labels } from './labels.ts'
import type { MetricMeter } from './metric.ts'
import { argmax } from './metrics/top1.ts'
import { type KindHints, outputShapeOf } from './output-kind.ts'

/** Examples kept for the report. */
const MOST_EXAMPLES = 20

interface Example {
  readonly sample: number
  readonly expected: string
  readonly float: string
  readonly quantized: string
}

/** Share of labelled samples whose first choice is the label, for both models. `found` samples are in the data. */
export function accuracyMeter(labels: Labels, found: number, hints: KindHints = {}): MetricMeter {
  let output: string | undefined
  let counted = 0
  let unlabelled = 0
  let classes = 0
  const right = { float: 0, quantized: 0 }
  // Wrong, changed, the rest: never more than are shown.
  const examples: [Example[], Example[], Example[]] = [[], [], []]
  const keep = (example: Example) => {
    const { expected, float, quantized } = example
    const kind = quantized !== expected ? 0 : float !== quantized ? 1 : 2
    if (examples[kind].length < MOST_EXAMPLES) examples[kind].push(example)
  }
  return {
    add(sample, float, quantized) {
      output ??= scoresOf(float, hints)
      const [before, after] = [choicesOf(float[output], output), choicesOf(quantized[output], output)]
      classes = before.classes
      const expected = labels.of(sample, before.choices.length, found)
      for (const [row, label] of expected.entries()) {
        if (label === undefined) {
          unlabelled += 1
          continue
        }
        const wanted = classOf(label, before.classes, labels, sample)
        const [a, b] = [before.choices[row], after.choices[row]]
        counted += 1
        if (a === wanted) right.float += 1
        if (b === wanted) right.quantized += 1
        const position = expected.length * (sample.index ?? 0) + row
        keep({ sample: position, expected: String(wanted), float: String(a), quantized: String(b) })
      }
    },
    facts() {
      if (counted === 0) throw nothingLabelled(labels)
      const share = (hits: number) => hits / counted
      return {
        name: 'top1',
        float: share(right.float),
        quantized: share(right.quantized),
        higherIsBetter: true,
        samples: counted,
      }
    },
    examples: () => examples.flat().slice(0, MOST_EXAMPLES),
    notes() {
      const notes: string[] = []
      if (unlabelled > 0)
        notes.push(`${unlabelled} of ${counted + unlabelled} answers have no label in ${labels.where}; not counted`)
      if (counted >= 20 && right.float * classes <= counted)
        notes.push('the float model is right no more often than by guessing: do the labels count classes as it does?')
      return notes
    },
  }
}

/** The output that holds a row of scores for each answer. E_USAGE when it is not clear which. */
function scoresOf(outputs: Feeds, hints: KindHints): string {
  const shapes = Object.entries(outputs).map(([name, value]) => ({ name, ...outputShapeOf(name, value, hints) }))
  const rows = shapes.filter(({ kind }) => kind === 'classes')
  const [only, second] = rows.length > 0 ? rows : shapes.filter(({ kind }) => kind === 'logits')
  if (only !== undefined && second === undefined) return only.name
  const floats = Object.entries(outputs).filter(([, { dtype, shape }]) => isFloat(dtype) && widthOf(shape) > 1)
  if (only === undefined && floats.length === 1) return floats[0]![0]
  const names = Object.keys(outputs).map((name) => `"${name}"`)
  throw new TersorError(
    'E_USAGE',
    `expected one output with a score for each class, found ${rows.length > 1 ? rows.length : 'none'} among ${names.join(', ')}`,
    { hint: 'labels are for classifiers; a metric module (--metric FILE.mjs) can judge anything' },
  )
}

/** Scores of one answer: the last axis that is longer than one. */
function widthOf(shape: readonly number[]): number {
  return shape.findLast((size) => size > 1) ?? 1
}

function choicesOf(value: Value | undefined, name: string): { readonly choices: number[]; readonly classes: number } {
  if (value === undefined) throw new TersorError('E_INTERNAL', `output "${name}" is missing`, { where: name })
  const classes = widthOf(value.shape)
  const scores = numbersOf(value, name)
  const choices: number[] = []
  for (let start = 0; start + classes <= scores.length; start += classes) choices.push(argmax(scores, start, classes))
  return { choices, classes }
}

/** The position in the scores that a label means. E_FORMAT when there is none. */
function classOf(label: number | string, classes: number, { where, classes: names }: Labels, sample: Sample): number {
  if (typeof label === 'number' && label < classes) return label
  const found = typeof label === 'number' ? `class ${label}` : `"${label.slice(0, 80)}"`
  const wrong = (message: string, hint: string) => new TersorError('E_FORMAT', message, { where, hint })
  if (typeof label === 'number' || names === undefined) {
    throw wrong(
      `${where}: expected a class from 0 to ${classes - 1} for ${sample.label}, found ${found}`,
      typeof label === 'number'
        ? 'top1 needs labels that are positions in the scores'
        : 'add --classes FILE: the classes of the model by name, one a line, in its order',
    )
  }
  // One class more than names: class 0 is the background, as models from TensorFlow have it.
  const first = classes - names.count
  if (first !== 0 && first !== 1) {
    throw wrong(
      `${names.where}: has ${names.count} classes, the model gives ${classes} scores`,
      'add --classes FILE: the classes of the model by name, one a line, in its order',
    )
  }
  const position = names.of(label)
  if (position !== undefined) return first + position
  throw wrong(`${names.where}: no class, or more than one, is called ${found} (of ${sample.label})`, 'one class a line')
}

function nothingLabelled(labels: Labels): TersorError {
  return new TersorError('E_USAGE', `no sample that was run has a label in ${labels.where}`, {
    where: labels.where,
    hint: 'expected index,label counting from 0, or file,label with names as in the data',
  })
}
