import { TersorError } from '../errors.ts'
import type { DType } from '../model/dtype.ts'
import type { Value } from '../model/runtime.ts'
import { writeNpz } from './write-npz.ts'

/** What is used of a session of onnxruntime-node, onnxruntime-web, or anything with the same `run`. */
export interface RecordedSession {
  run(feeds: object, ...more: never[]): Promise<unknown>
}

export interface RecordOptions {
  /** At most this many runs are kept, evenly spread over all; default 128. */
  readonly samples?: number
  /** Looks at every so-manieth run only; default 1. */
  readonly every?: number
  /** Bytes that kept feeds may take; default 256 MiB. Fewer runs are kept where they would take more. */
  readonly maxBytes?: number
}

export interface Recording<S> {
  /** The session as it was given, which also remembers what it is fed. */
  readonly session: S
  /** Runs seen, and runs kept of them. */
  readonly seen: number
  readonly kept: number
  /** Runs that could not be kept, and why: tensors on a graphics card, types that files cannot hold. */
  readonly notes: readonly string[]
  /**
   * The kept feeds: an .npz with an array for each input, the first axis counting runs. Of runs of several shapes those of the
   * shape that most have. E_USAGE while nothing is kept.
   */
  npz(): Uint8Array
  /** The same for every shape, most frequent first: data that fit together lie in one file. */
  files(): readonly Uint8Array[]
  /** Forgets what was kept. */
  clear(): void
}

const DEFAULT_SAMPLES = 128
const DEFAULT_BYTES = 268_435_456
/** Types of onnxruntime's tensors that an .npz holds. */
const DTYPES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ['float32', 'f32'],
  ['float64', 'f64'],
  ['float16', 'f16'],
  ['int8', 'i8'],
  ['int16', 'i16'],
  ['int32', 'i32'],
  ['int64', 'i64'],
  ['uint8', 'u8'],
  ['uint16', 'u16'],
  ['uint32', 'u32'],
  ['uint64', 'u64'],
  ['bool', 'bool'],
  ['string', 'string'],
])

type Kept = ReadonlyMap<string, Value>

/**
 * Remembers what a session is fed while it does its work, for `--calib`: real data of real users. What the session gives, throws and
 * owns stays as it is; feeds are copied before it sees them. Memory is bounded: when the room is used up, every other run is
 * forgotten and from then on only every second one is kept, so that what is kept is spread evenly over all that was seen.
 */
export function record<S extends RecordedSession>(session: S, options: RecordOptions = {}): Recording<S> {
  const { samples = DEFAULT_SAMPLES, every = 1, maxBytes = DEFAULT_BYTES } = options
  for (const [name, value] of Object.entries({ samples, every, maxBytes })) {
    if (!(Number.isSafeInteger(value) && value >= 1))
      throw new TersorError('E_USAGE', `record: expected ${name} to be a whole number from 1, found ${value}`, {
        where: name,
      })
  }
  let kept: { readonly number: number; readonly feeds: Kept; readonly bytes: number }[] = []
  let seen = 0
  let stride = every
  let bytes = 0
  const notes = new Set<string>()
  const look = (feeds: unknown): void => {
    const number = seen
    seen += 1
    if (number % stride !== 0) return
    const copied = copyOf(feeds)
    if (typeof copied === 'string') {
      notes.add(copied)
      return
    }
    const size = sizeOf(copied)
    if (size > maxBytes) {
      notes.add(`a run of ${size} bytes is more than the ${maxBytes} that may be kept`)
      return
    }
    kept.push({ number, feeds: copied, bytes: size })
    bytes += size
    while (kept.length > samples || bytes > maxBytes) {
      stride *= 2
      const left = kept.filter((one) => one.number % stride === 0)
      // One that is alone, or the first, always stays on the grid: what is newest goes.
      kept = left.length < kept.length ? left : kept.slice(0, -1)
      bytes = kept.reduce((sum, one) => sum + one.bytes, 0)
    }
  }
  const run = (...args: Parameters<S['run']>): ReturnType<S['run']> => {
    try {
      look(args[0])
    } catch (thrown) {
      // The session's own work must not suffer from being watched.
      notes.add(`a run was not kept: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
    }
    return session.run(...(args as unknown as [object, ...never[]])) as ReturnType<S['run']>
  }
  return {
    session: watched(session, run),
    get seen() {
      return seen
    },
    get kept() {
      return kept.length
    },
    get notes() {
      return [...notes]
    },
    npz: () => filesOf(kept.map(({ feeds }) => feeds))[0]!,
    files: () => filesOf(kept.map(({ feeds }) => feeds)),
    clear() {
      kept = []
      bytes = 0
      seen = 0
      stride = every
      notes.clear()
    },
  }
}

/** Everything but `run` is asked of the session itself, with itself as `this`: its private fields stay reachable. */
function watched<S extends RecordedSession>(session: S, run: unknown): S {
  const bound = new Map<PropertyKey, { readonly from: unknown; readonly to: unknown }>()
  // A proxy must not say anything else of what its target has fixed.
  const isFixed = Object.getOwnPropertyDescriptor(session, 'run')?.configurable === false
  return new Proxy(isFixed ? (Object.create(session) as S) : session, {
    get(_, name) {
      if (name === 'run') return run
      const value: unknown = Reflect.get(session, name, session)
      if (typeof value !== 'function' || name === 'constructor') return value
      const known = bound.get(name)
      if (known?.from === value) return known.to
      const to: unknown = value.bind(session)
      bound.set(name, { from: value, to })
      return to
    },
    set: (_, name, value) => Reflect.set(session, name, value, session),
  })
}

interface Fed {
  readonly type?: unknown
  readonly dims?: unknown
  readonly data?: unknown
  readonly location?: unknown
}

/** A sentence where a tensor cannot be copied. */
function copyOf(feeds: unknown): Kept | string {
  const copied = new Map<string, Value>()
  for (const [name, fed] of Object.entries(feeds as Record<string, Fed>)) {
    const { type, dims, location } = fed
    if (location !== undefined && location !== 'cpu' && location !== 'cpu-pinned')
      return `input "${name}" lies in "${String(location)}", where it is not read from`
    const dtype = DTYPES.get(String(type))
    if (dtype === undefined || !Array.isArray(dims))
      return `input "${name}" of type ${String(type)} is no tensor that a file holds`
    const { data } = fed
    if (Array.isArray(data)) copied.set(name, { dtype, shape: [...dims], data: data.map(String) })
    else if (ArrayBuffer.isView(data)) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      copied.set(name, { dtype, shape: [...dims], data: new Uint8Array(bytes) })
    } else return `input "${name}" has no values that can be read`
  }
  return copied
}

function sizeOf(feeds: Kept): number {
  let size = 0
  for (const { data } of feeds.values())
    size += data instanceof Uint8Array ? data.length : data.reduce((sum, text) => sum + 4 * text.length + 4, 0)
  return size
}

/** An .npz for the runs of each shape, side by side along a new first axis; most first. */
function filesOf(kept: readonly Kept[]): readonly Uint8Array[] {
  const forms = new Map<string, Kept[]>()
  for (const feeds of kept) {
    const form = JSON.stringify([...feeds].map(([name, { dtype, shape }]) => [name, dtype, shape]).sort())
    forms.set(form, [...(forms.get(form) ?? []), feeds])
  }
  if (forms.size === 0)
    throw new TersorError('E_USAGE', 'nothing was recorded yet', { hint: 'run the recorded session first' })
  return [...forms.values()]
    .sort((a, b) => b.length - a.length)
    .map((runs) => {
      const arrays = new Map<string, Value>()
      for (const [name, { dtype, shape }] of runs[0]!) {
        const data = joined(runs.map((feeds) => feeds.get(name)!.data))
        arrays.set(name, { dtype, shape: [runs.length, ...shape], data })
      }
      return writeNpz(arrays)
    })
}

function joined(parts: readonly Value['data'][]): Value['data'] {
  const texts = parts.flatMap((part) => (part instanceof Uint8Array ? [] : [...part]))
  if (texts.length > 0) return texts
  const bytes = parts as readonly Uint8Array[]
  const all = new Uint8Array(bytes.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of bytes) {
    all.set(part, at)
    at += part.length
  }
  return all
}
