import type { Feeds, Sample, SessionInput, Value } from '../model/runtime.ts'
import type { ArraySource } from './npy.ts'
import { type Assignment, assignArrays, commonCount, cutShape } from './split.ts'

/** A place that gives some samples: one or several arrays, a folder of tensors, one set of feeds. */
export interface SampleItem {
  readonly label: string
  readonly count: number
  /** Inputs it gives, with the element type it has for each. */
  readonly gives: ReadonlyMap<string, Value['dtype']>
  /** What it holds that no input takes. */
  readonly unused: readonly string[]
  /** As stored; not checked, not completed. */
  read(index: number): Promise<Sample>
}

/** Arrays by key, cut into samples along the axis that counts them. E_FORMAT when they do not fit the inputs. */
export function arrayItem(
  label: string,
  arrays: ReadonlyMap<string, ArraySource>,
  inputs: readonly SessionInput[],
): SampleItem {
  const assignment = assignArrays(label, arrays, inputs)
  const count = commonCount(label, assignment)
  return {
    label,
    count,
    gives: new Map([...assignment.cuts].map(([name, { key }]) => [name, arrays.get(key)!.dtype])),
    unused: unusedOf(assignment),
    read: async (index) => ({
      label: count === 1 ? label : `${label}[${index}]`,
      feeds: await cutFeeds(assignment, arrays, index),
    }),
  }
}

async function cutFeeds({ cuts }: Assignment, arrays: ReadonlyMap<string, ArraySource>, index: number): Promise<Feeds> {
  const feeds: [string, Value][] = []
  for (const [name, { key, cut }] of cuts) {
    const array = arrays.get(key)!
    const at = cut.count === 1 ? 0 : index
    const value = cut.rows === 0 ? await array.all() : await array.rows(at * cut.rows, (at + 1) * cut.rows)
    feeds.push([
      name,
      { ...value, shape: cutShape(cut, cut.rows === 0 ? array.shape : [cut.rows, ...array.shape.slice(1)]) },
    ])
  }
  return Object.fromEntries(feeds)
}

function unusedOf({ cuts, unused }: Assignment): readonly string[] {
  const left = [...cuts].flatMap(([name, { cut }]) =>
    cut.left > 0 ? [`${cut.left} rows at the end of "${name}"`] : [],
  )
  return [...unused.map((key) => `array "${key}"`), ...left]
}
