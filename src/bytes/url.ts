import { TersorError } from '../errors.ts'
import { checkAborted, checkRange } from './range.ts'
import type { ByteSource } from './types.ts'

export interface UrlOptions {
  readonly fetch?: typeof fetch
  readonly signal?: AbortSignal
}

/** Fetched at once to learn the size; headers of models fit. */
const HEAD_BYTES = 64 * 1024
const ATTEMPTS = 3

/**
 * An address that answers range requests. The first request learns the size.
 * @throws E_USAGE when there is no such file, E_UNSUPPORTED when the server does not honour ranges, E_FORMAT when a transfer fails.
 */
export async function urlSource(url: string, options: UrlOptions = {}): Promise<ByteSource> {
  // Browsers refuse a `fetch` that is called as the method of something else.
  const address = new RangeAddress(url, options.fetch ?? ((input, init) => fetch(input, init)))
  const head = await address.get(0, HEAD_BYTES, options.signal)
  const byteLength = head.total ?? (await address.length(options.signal))
  const first = head.bytes.subarray(0, byteLength)
  return {
    label: url,
    byteLength,
    async read(start, end, signal) {
      checkAborted(signal)
      checkRange(url, byteLength, start, end)
      if (end <= first.byteLength) return first.subarray(start, end)
      const { bytes, total } = await address.get(start, end, signal)
      if (total !== null && total !== byteLength) {
        throw failed(url, `the file changed from ${byteLength} to ${total} bytes while it was read`)
      }
      if (bytes.byteLength !== end - start) {
        throw failed(url, `bytes ${start} to ${end} asked for, ${bytes.byteLength} bytes came`)
      }
      return bytes
    },
  }
}

interface Part {
  readonly bytes: Uint8Array
  /** Size of the file; null where the server hides it from scripts. */
  readonly total: number | null
}

class RangeAddress {
  readonly #url: string
  readonly #fetch: typeof fetch

  constructor(url: string, fetcher: typeof fetch) {
    this.#url = url
    this.#fetch = fetcher
  }

  async get(start: number, end: number, signal: AbortSignal | undefined): Promise<Part> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(start, end, signal)
      } catch (thrown) {
        checkAborted(signal)
        if (thrown instanceof TersorError && thrown.code !== 'E_FORMAT') throw thrown
        if (attempt < ATTEMPTS) continue
        throw thrown instanceof TersorError ? thrown : failed(this.#url, String(thrown), thrown)
      }
    }
  }

  async length(signal: AbortSignal | undefined): Promise<number> {
    const response = await this.#fetch(this.#url, { method: 'HEAD', ...(signal ? { signal } : {}) })
    const length = Number(response.headers.get('content-length') ?? Number.NaN)
    if (response.ok && Number.isSafeInteger(length)) return length
    throw unsupported(this.#url, 'does not tell the size of the file')
  }

  async #once(start: number, end: number, signal: AbortSignal | undefined): Promise<Part> {
    const response = await this.#fetch(this.#url, {
      headers: { range: `bytes=${start}-${end - 1}`, 'accept-encoding': 'identity' },
      ...(signal ? { signal } : {}),
    })
    const contentRange = response.headers.get('content-range')
    if (response.status === 416 && /^bytes \*\/0$/.test(contentRange ?? ''))
      return { bytes: new Uint8Array(0), total: 0 }
    if (response.status !== 206) {
      await response.body?.cancel()
      throw this.#refused(response)
    }
    const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(contentRange ?? '')
    if (match !== null && Number(match[1]) !== start) {
      await response.body?.cancel()
      throw unsupported(this.#url, `answers another range than the one asked for (${contentRange})`)
    }
    const bytes = new Uint8Array(await response.arrayBuffer())
    const total = match === null || match[2] === '*' ? null : Number(match[2])
    return { bytes: bytes.subarray(0, end - start), total }
  }

  #refused({ status, statusText }: Response): TersorError {
    if (status === 200) return unsupported(this.#url, 'sends the whole file instead of the range asked for')
    if (status >= 500 || status === 429) return failed(this.#url, `the server answered ${status} ${statusText}`)
    return new TersorError('E_USAGE', `${this.#url}: the server answered ${status} ${statusText}`, {
      where: this.#url,
      hint: status === 401 || status === 403 ? 'The file is not public: download it first.' : 'Is the address right?',
    })
  }
}

function unsupported(url: string, what: string): TersorError {
  return new TersorError('E_UNSUPPORTED', `${url}: the server ${what}`, {
    where: url,
    hint: 'Download the file and give its path.',
  })
}

function failed(url: string, what: string, cause?: unknown): TersorError {
  return new TersorError('E_FORMAT', `${url}: ${what}`, {
    where: url,
    hint: 'Try again, or download the file and give its path.',
    ...(cause === undefined ? {} : { cause }),
  })
}
