import { pathToFileURL } from 'node:url'
import { TersorError } from '../errors.ts'
import type { Feeds, SessionInput } from '../model/runtime.ts'
import type { SampleItem } from './arrays-samples.ts'
import { valueFrom } from './feeds-value.ts'

/**
 * The first `most` feeds of a JavaScript module: its default export is an iterable or async iterable of feeds, or a function
 * that gives one. They are held in memory, because an iterable can be walked only once. The module runs as the user's own code.
 */
export async function moduleItems(
  path: string,
  inputs: readonly SessionInput[],
  most: number,
): Promise<readonly SampleItem[]> {
  const feeds = await iterableOf(path)
  const items: SampleItem[] = []
  for await (const given of feeds) {
    if (items.length >= most) break
    const label = `${path}[${items.length}]`
    if (typeof given !== 'object' || given === null) {
      throw new TersorError(
        'E_FORMAT',
        `${label}: expected an object of tensors by input name, found ${typeof given}`,
        { where: label },
      )
    }
    items.push(itemOf(label, given as Readonly<Record<string, unknown>>, inputs))
  }
  return items
}

function itemOf(label: string, given: Readonly<Record<string, unknown>>, inputs: readonly SessionInput[]): SampleItem {
  const named = inputs.filter(({ name }) => Object.hasOwn(given, name))
  const feeds: Feeds = Object.fromEntries(
    named.map((input) => [input.name, valueFrom(given[input.name], input, label)]),
  )
  const known = new Set(inputs.map(({ name }) => name))
  return {
    label,
    count: 1,
    gives: new Map(named.map(({ name }) => [name, feeds[name]!.dtype])),
    unused: Object.keys(given)
      .filter((key) => !known.has(key))
      .map((key) => `"${key}"`),
    read: async () => ({ label, feeds }),
  }
}

/** What was walked once: a generator gives nothing the second time, and data are opened to find ranges and to judge. */
const walked = new WeakSet<object>()
let again = 0

async function iterableOf(path: string): Promise<AsyncIterable<unknown> | Iterable<unknown>> {
  const exportedBy = async (url: string): Promise<unknown> => ((await import(url)) as { default?: unknown }).default
  const { href } = pathToFileURL(path)
  let exported: unknown
  try {
    exported = await exportedBy(href)
    // A module is evaluated once for each address.
    if (isObject(exported) && walked.has(exported)) exported = await exportedBy(`${href}?again=${++again}`)
    if (isObject(exported) && 'next' in exported) walked.add(exported)
    if (typeof exported === 'function') exported = await exported()
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new TersorError('E_FORMAT', `${path}: the module failed: ${said}`, { where: path, cause })
  }
  if (
    typeof exported === 'object' &&
    exported !== null &&
    (Symbol.asyncIterator in exported || Symbol.iterator in exported)
  ) {
    return exported as AsyncIterable<unknown> | Iterable<unknown>
  }
  throw new TersorError(
    'E_FORMAT',
    `${path}: expected a default export that is an iterable of feeds, or a function giving one`,
    {
      where: path,
    },
  )
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
